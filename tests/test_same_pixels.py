"""The pixels a network is trained on, evaluated on and asked about are the same bits, whatever the file."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image, ImageOps
from torch import Tensor, nn
from torch.nn.modules.module import register_module_forward_pre_hook

import striate
from striate.data.store.store import digest_of
from striate.pictures.fit import Fit

COUNT = 300
SPEC = "conv3-8 relu gap fc-classes"
Kind = tuple[str, str, dict[str, Any]]
# What people have in their folders: format, mode, and how it is saved.
KINDS: tuple[Kind, ...] = (
    ("jpeg", "RGB", {"quality": 85}),
    ("jpeg", "RGB", {"quality": 70, "progressive": True, "subsampling": 0}),
    ("jpeg", "L", {}),
    ("jpeg", "CMYK", {}),
    ("png", "RGB", {}),
    ("png", "L", {}),
    ("png", "RGBA", {}),
    ("png", "LA", {}),
    ("png", "P", {"transparency": 0}),
    ("png", "I;16", {}),
)


def picture(index: int, mode: str) -> Image.Image:
    """Return a picture of a size of its own; the even ones are warm, the odd ones cold."""
    rng = np.random.default_rng(index)
    height, width = rng.integers(8, 90, 2)
    coarse = rng.integers(0, 256, (5, 6, 4), dtype=np.uint8)
    coarse[..., 0 if index % 2 else 2] //= 4
    image = Image.fromarray(coarse).resize((int(width), int(height)), Image.Resampling.BICUBIC)
    if mode == "I;16":
        return Image.fromarray(np.asarray(image.convert("L")).astype(np.uint16) * 257)
    return image.convert("RGB").quantize(32) if mode == "P" else image.convert(mode)


def write(root: Path, kinds: Sequence[Kind]) -> Path:
    """Write COUNT pictures, every third of them with an EXIF orientation."""
    for index in range(COUNT):
        form, mode, options = kinds[index % len(kinds)]
        exif = Image.Exif()
        if index % 3 == 0:
            exif[0x0112] = 1 + (index // 3) % 8
        path = root / ("따뜻함" if index % 2 else "cold") / f"{index}.{form}"
        path.parent.mkdir(parents=True, exist_ok=True)
        picture(index, mode).save(path, form, exif=exif, **options)
    return root


@contextmanager
def watched() -> Iterator[set[bytes]]:
    """Collect, as bytes, every picture that reaches a network's first layer; zeros are a trial of its shapes."""
    seen: set[bytes] = set()

    def look(module: nn.Module, given: Any) -> None:
        if isinstance(module, nn.Conv2d) and given[0].device.type == "cpu":
            seen.update(row.numpy().tobytes() for row in given[0].detach().contiguous() if row.any())

    hook = register_module_forward_pre_hook(look)
    yield seen
    hook.remove()


@dataclass(frozen=True)
class Trained:
    """A folder, a run of one epoch on it, and every input its network had."""

    root: Path
    run: striate.Run
    inputs: set[bytes]


def trained(place: Path, kinds: Sequence[Kind], *, fit: Fit = "crop") -> Trained:
    settings = striate.Settings(net=SPEC, size=32, fit=fit, epochs=1, batch=30, augment="none", threads=3)
    root = write(place / "photos", kinds)
    with watched() as seen:
        run = striate.train(root, settings=settings, out=place / "run")
    return Trained(root, run, seen)


@pytest.fixture(scope="module", autouse=True)
def _one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """A network of three channels."""
    return trained(tmp_path_factory.mktemp("mixed"), KINDS)


@pytest.fixture(scope="module")
def padded(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """A network of three channels that sees each picture whole, with its mean colour around it."""
    return trained(tmp_path_factory.mktemp("padded"), KINDS, fit="pad")


@pytest.fixture(scope="module")
def grey(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    """A network of one channel."""
    return trained(tmp_path_factory.mktemp("grey"), [k for k in KINDS if k[1] in ("L", "LA", "I;16")])


def inputs(run: striate.Run, pixels: Tensor) -> list[bytes]:
    """Return what of pixels (N, C, H, W) a network is given, picture by picture."""
    return [row.numpy().tobytes() for row in run.preprocess.normalise(pixels)]


@pytest.mark.parametrize("kind", ["mixed", "padded"])
def test_a_mixed_folder_has_the_same_pixels_in_training_evaluation_and_prediction(
    kind: str, request: pytest.FixtureRequest
) -> None:
    mixed: Trained = request.getfixturevalue(kind)
    root, run = mixed.root, mixed.run
    assert (run.preprocess.channels, run.classes) == (3, ("cold", "따뜻함"))
    pixels = {
        path.relative_to(root).as_posix(): torch.from_numpy(run.preprocess.pixels(path.read_bytes()))
        for path in sorted(root.rglob("*.*"))
    }
    assert len(set(inputs(run, torch.stack(list(pixels.values()))))) == COUNT
    assert mixed.inputs == set(inputs(run, torch.stack(list(pixels.values()))))
    for store in [run.load(split=split) for split in ("train", "val", "test")] + [run.load(root)]:
        for name, image, digest in zip(store.names, store.images, store.digests, strict=True):
            assert digest.tobytes() == digest_of((root / name).read_bytes())
            assert torch.equal(image, pixels[name]), name
    for name, image in pixels.items():
        with watched() as predicted:
            run.predict(root / name)
        assert predicted == set(inputs(run, image[None])), name


def test_pictures_are_padded_with_the_mean_that_the_recipe_tells(padded: Trained) -> None:
    preprocess = striate.open_run(padded.run.folder).preprocess
    assert preprocess.fill == tuple(round(255 * mean) for mean in preprocess.mean)
    config = json.loads((padded.run.folder / "model" / "config.json").read_text(encoding="utf-8"))
    assert config["pretrained_cfg"]["crop_mode"] == "border"
    for height, width in ((8, 32), (32, 9)):
        pixels = preprocess.pixels(np.zeros((height, width, 3), np.uint8))
        around = pixels[:, 0] if height < width else pixels[:, :, 0]
        assert (around == np.array(preprocess.fill)[:, None]).all()
    squashing = replace(preprocess, fit="squash")
    colours = [squashing.row(path.read_bytes()).mean((0, 1)) for path in padded.root.rglob("*.*")]
    assert np.abs(np.mean(colours, 0) - preprocess.fill).max() < 4


def forms(path: Path, *, mode: str) -> list[Image.Image | NDArray[np.uint8]]:
    """Return a file as a Pillow image and as an upright array on white, made by Pillow alone."""
    image = ImageOps.exif_transpose(Image.open(path))
    if image.mode == "I;16":
        image = Image.fromarray((np.asarray(image) // 257).astype(np.uint8))
    elif image.has_transparency_data:
        layer = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer)
    return [Image.open(path), np.asarray(image.convert(mode))]


@pytest.mark.parametrize(("name", "mode"), [("mixed", "RGB"), ("grey", "L")])
def test_a_path_a_pillow_image_and_an_array_are_predicted_alike(
    name: str, mode: str, request: pytest.FixtureRequest
) -> None:
    given: Trained = request.getfixturevalue(name)
    run = given.run
    assert run.preprocess.channels == len(mode)
    for path in sorted(given.root.rglob("*.*"))[:: COUNT // 60]:
        expected, pixels = run.predict(path), run.preprocess.pixels(path.read_bytes())
        assert run.predict(str(path)) == expected
        for form in forms(path, mode=mode):
            np.testing.assert_array_equal(run.preprocess.pixels(form), pixels, err_msg=str(path))
            assert run.predict(form) == expected


def test_a_grey_network_sees_a_colour_picture_alike_as_path_image_and_array(
    grey: Trained, tmp_path: Path
) -> None:
    path = tmp_path / "colour.jpg"
    picture(4, "RGB").save(path, "JPEG", quality=60)
    expected = grey.run.preprocess.pixels(path.read_bytes())
    for form in (Image.open(path), np.asarray(Image.open(path))):
        np.testing.assert_array_equal(grey.run.preprocess.pixels(form), expected)
        assert grey.run.predict(form) == grey.run.predict(path)
