"""Make the bundled subset of Fashion-MNIST from the full IDX files: the same bytes each time it is run.

    python tools/make_fashion.py FOLDER

FOLDER holds the four .gz files of Fashion-MNIST (Debian: package dataset-fashion-mnist). Taken are the first 1,000
training and the first 200 test images of each class, in the order of the files.
"""

import gzip
import hashlib
import sys
from pathlib import Path

import numpy as np

TARGET = Path(__file__).parent.parent / "src" / "striate" / "sources" / "bundled" / "fashion"
# SHA-256 of the unpacked files: packagers gzip the same content anew, each with another time stamp.
CONTENT = {
    "train-images-idx3-ubyte.gz": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    "train-labels-idx1-ubyte.gz": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    "t10k-images-idx3-ubyte.gz": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    "t10k-labels-idx1-ubyte.gz": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
}
PER_CLASS = {"train": 1000, "t10k": 200}
CLASSES = 10


def unpacked(folder: Path, name: str) -> bytes:
    """Return the content of one file; it must be that of the published data set."""
    content = gzip.decompress((folder / name).read_bytes())
    found = hashlib.sha256(content).hexdigest()
    if found != CONTENT[name]:
        raise SystemExit(f"{folder / name}: SHA-256 of the content is {found}, wanted {CONTENT[name]}")
    return content


def subset(folder: Path, split: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the first PER_CLASS images and labels of each class, in file order."""
    images = np.frombuffer(unpacked(folder, f"{split}-images-idx3-ubyte.gz"), np.uint8, offset=16)
    labels = np.frombuffer(unpacked(folder, f"{split}-labels-idx1-ubyte.gz"), np.uint8, offset=8)
    firsts = [np.flatnonzero(labels == c)[: PER_CLASS[split]] for c in range(CLASSES)]
    chosen = np.sort(np.concatenate(firsts))
    return images.reshape(-1, 28, 28)[chosen], labels[chosen]


def write(name: str, values: np.ndarray) -> None:
    """Write an IDX file of unsigned bytes, gzipped without a time stamp."""
    header = bytes([0, 0, 8, values.ndim]) + b"".join(n.to_bytes(4, "big") for n in values.shape)
    (TARGET / name).write_bytes(gzip.compress(header + values.tobytes(), compresslevel=9, mtime=0))


def main() -> None:
    """Write the four files into the package."""
    folder = Path(sys.argv[1])
    for split in PER_CLASS:
        images, labels = subset(folder, split)
        write(f"{split}-images-idx3-ubyte.gz", images)
        write(f"{split}-labels-idx1-ubyte.gz", labels)


if __name__ == "__main__":
    main()
