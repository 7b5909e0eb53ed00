"""Parts of this package that stand on packages few need; each is imported when a file first asks for it."""

from collections.abc import Iterable
from importlib import import_module
from types import ModuleType

from striate.data.pixels import BadPicture

# Module of this package -> what it reads, the packages it stands on, and the extra that brings them.
EXTRAS = {
    "bands": ("this kind of TIFF", "tifffile and imagecodecs", "bands"),
    "dicom": ("DICOM", "pydicom and imagecodecs", "medical"),
}


def needs(module: str) -> str:
    """Return the sentence that names what is missing and the command that brings it."""
    kind, packages, extra = EXTRAS[module]
    return f"{kind} needs {packages}: pip install 'striate[{extra}]'"


def missing_extras(reasons: Iterable[str]) -> list[str]:
    """Return the sentences of `needs` among the reasons why pictures could not be decoded, each once."""
    met = set(reasons)
    return [line for line in map(needs, EXTRAS) if line in met]


def load_extra(module: str) -> ModuleType:
    """Return a module of EXTRAS; raises BadPicture with one line where a package it stands on is missing."""
    try:
        return import_module(f"striate.data.{module}")
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith("striate"):
            raise
        raise BadPicture(needs(module)) from error
