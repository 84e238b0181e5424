"""Build snippets/data/mnist.npz from the four IDX files of MNIST.

`python -m tools.bundle_mnist FOLDER` takes the first 10,000 training and the first 2,000 test
images of the files in FOLDER, in their order, and prints the checksum for snippets/data.py. The
arrays are always the same; the compressed bytes, and so the checksum, can differ between versions
of zlib.
"""

import hashlib
import sys
from pathlib import Path

import numpy as np

from snippets.data import BUNDLE, IDX_NAMES, read_idx

COUNTS = {"train": 10_000, "test": 2_000}


def bundle(folder: Path, target: Path = BUNDLE) -> str:
    """Write the first images and labels of each split; return the SHA-256 of the file."""
    arrays = {}
    for split, count in COUNTS.items():
        stem = folder / IDX_NAMES[split]
        arrays[f"{split}_images"] = read_idx(Path(f"{stem}-images-idx3-ubyte"))[:count].numpy()
        arrays[f"{split}_labels"] = read_idx(Path(f"{stem}-labels-idx1-ubyte"))[:count].numpy()
    np.savez_compressed(target, **arrays)
    return hashlib.sha256(target.read_bytes()).hexdigest()


if __name__ == "__main__":
    if len(sys.argv) != 2:  # noqa: PLR2004
        sys.exit("usage: python -m tools.bundle_mnist FOLDER")
    print(bundle(Path(sys.argv[1])))
