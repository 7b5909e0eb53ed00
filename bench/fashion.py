"""Fashion-MNIST, or any set in its files, for the peers: as arrays and as torchvision's data set."""

import gzip
from pathlib import Path
from typing import Any

import numpy as np
import torch
from peers import torchvision

FASHION = Path("/usr/share/datasets/fashion-mnist")
PARTS = {"train": "train", "test": "t10k"}
MEAN, STD = 0.2860, 0.3530


def arrays(data: Path, part: str) -> tuple[np.ndarray, np.ndarray]:
    """Return images (N, 28, 28) uint8 and labels (N,) of IDX files."""
    images, labels = (
        np.frombuffer(
            gzip.decompress((data / f"{PARTS[part]}-{kind}-ubyte.gz").read_bytes())[head:], np.uint8
        )
        for kind, head in (("images-idx3", 16), ("labels-idx1", 8))
    )
    return images.reshape(-1, 28, 28), labels


def pictures(data: Path, part: str, transform: Any) -> torch.utils.data.Dataset[Any]:
    """Return torchvision's own data set, given the arrays rather than its copy of the files."""
    kind = torchvision().datasets.MNIST

    class Given(kind):  # type: ignore[misc, valid-type]
        def __init__(self) -> None:
            self.transform, self.target_transform = transform, None
            images, labels = arrays(data, part)
            self.data, self.targets = (
                torch.from_numpy(images.copy()),
                torch.from_numpy(labels.astype(np.int64)),
            )

    return Given()
