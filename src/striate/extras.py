"""Optional dependencies: a module that needs one is a leaf, imported when it is first asked for."""

from collections.abc import Iterable
from types import ModuleType
from typing import NamedTuple

from striate.errors import UsageError
from striate.imports import import_whole


class Leaf(NamedTuple):
    """What cannot be done without a module, the packages it imports, and the extra that brings them."""

    undone: str
    packages: tuple[str, ...]
    extra: str


LEAVES = {
    "striate.data.arrow": Leaf("Parquet files cannot be read", ("pyarrow",), "parquet"),
    "striate.data.bands": Leaf("TIFFs of this kind cannot be read", ("tifffile", "imagecodecs"), "bands"),
    "striate.data.dicom": Leaf("DICOM files cannot be read", ("pydicom", "imagecodecs"), "medical"),
    "striate.data.remote": Leaf("Addresses cannot be read", ("fsspec", "aiohttp"), "remote"),
    "striate.training.events": Leaf("TensorBoard's files cannot be written", ("tensorboard",), "tensorboard"),
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
    """Return, each once, those reasons why pictures could not be decoded that are the lack of an extra."""
    told = {_told(leaf, package) for leaf in LEAVES.values() for package in leaf.packages}
    return [reason for reason in dict.fromkeys(reasons) if reason in told]


def installs(reasons: Iterable[str]) -> list[str]:
    """Return, each once, the commands that install what `missing_extras` finds lacking."""
    lacking = set(missing_extras(reasons))
    found = [
        leaf for leaf in LEAVES.values() if any(_told(leaf, package) in lacking for package in leaf.packages)
    ]
    return list(dict.fromkeys(map(_install, found)))


def _told(leaf: Leaf, package: str) -> str:
    return f"{leaf.undone}: {package} is not installed. Install it: {_install(leaf)}"


def _install(leaf: Leaf) -> str:
    return f"pip install 'striate[{leaf.extra}]'"
