"""Optional dependencies: a module that imports one is a leaf, loaded on first use, and an error names the extra."""

from collections.abc import Iterable
from types import ModuleType
from typing import NamedTuple

from striate.errors import UsageError
from striate.interrupt import import_whole


class Leaf(NamedTuple):
    """What fails without a module, the optional packages it imports, and the extra that installs them."""

    undone: str
    packages: tuple[str, ...]
    extra: str


LEAVES = {
    "striate.sources.parquet.arrow": Leaf("Parquet files cannot be read", ("pyarrow",), "parquet"),
    "striate.pictures.tiff": Leaf("TIFFs of this kind cannot be read", ("tifffile", "imagecodecs"), "bands"),
    "striate.pictures.dicom": Leaf("DICOM files cannot be read", ("pydicom", "imagecodecs"), "medical"),
    "striate.sources.shards.remote": Leaf("Addresses cannot be read", ("fsspec", "aiohttp"), "remote"),
    "striate.runs.folder.events": Leaf(
        "TensorBoard's files cannot be written", ("tensorboard",), "tensorboard"
    ),
}


def load_leaf(module: str) -> ModuleType:
    """Import a module of LEAVES; raises UsageError where a package that it needs is not installed."""
    leaf = LEAVES[module]
    try:
        return import_whole(module)
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing not in leaf.packages:
            raise
        raise UsageError(_told(leaf, missing)) from error


def missing_extras(reasons: Iterable[str]) -> list[str]:
    """Return, without repeats, those of the reasons for failed decoding that say a package is not installed."""
    told = {_told(leaf, package) for leaf in LEAVES.values() for package in leaf.packages}
    return [reason for reason in dict.fromkeys(reasons) if reason in told]


def installs(reasons: Iterable[str]) -> list[str]:
    """Return, without repeats, the commands that install the packages which `missing_extras` finds missing."""
    lacking = set(missing_extras(reasons))
    found = [
        leaf for leaf in LEAVES.values() if any(_told(leaf, package) in lacking for package in leaf.packages)
    ]
    return list(dict.fromkeys(map(_install, found)))


def _told(leaf: Leaf, package: str) -> str:
    return f"{leaf.undone}: {package} is not installed. Install it: {_install(leaf)}"


def _install(leaf: Leaf) -> str:
    return f"pip install 'striate[{leaf.extra}]'"
