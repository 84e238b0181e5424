"""Whole data sets for labs at full scale: MNIST, Fashion-MNIST, CIFAR-10.

Article:  none of its own; docs/labs/full/infomax.py loads its images here.
Source:   Krizhevsky (2009) for CIFAR-10, by torchvision, an extra.
Shapes:   (n, h, w) or (n, channels, h, w) images with (n,) labels.
Units:    levels 0 to 255; labels are 0 to 9.
"""

import os
from importlib import import_module

import torch
from torch import Tensor

from snippets.checks import require
from snippets.data import load_full_mnist


def load_full(split: str = "train") -> tuple[Tensor, Tensor]:
    """Load CIFAR-10 from `CIFAR_DIR` if that is set, else IDX files.

    `CIFAR_DIR` names the folder in which torchvision finds, or puts, the data.
    `MNIST_DIR` names one with the four IDX files of MNIST, or those of
    Fashion-MNIST, which bear the same names.

    Raises:
        ValueError: There is no such split.
        FileNotFoundError: Neither is set, or a file is missing.
    """
    require(split in ("train", "test"), "split", "'train' or 'test'", split)
    if "CIFAR_DIR" not in os.environ:
        return load_full_mnist("train" if split == "train" else "test")
    datasets = import_module("torchvision.datasets")  # no requirement of ours
    whole = datasets.CIFAR10(
        os.environ["CIFAR_DIR"], train=split == "train", download=True
    )
    images = torch.as_tensor(whole.data).permute(0, 3, 1, 2)
    return images, torch.as_tensor(whole.targets)
