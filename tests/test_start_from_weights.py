"""A run that starts from weights somebody trained."""

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

import striate

NET = "conv3-4 bn relu gap fc-classes"


def photos(root: Path, classes: int) -> Path:
    rng = np.random.default_rng(classes)
    for label in range(classes):
        folder = root / f"class {label}"
        folder.mkdir(parents=True)
        for i in range(10):
            pixels = rng.integers(40 * label, 40 * label + 60, (12, 12, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / f"{i}.png")
    return root


class Said:
    """Keeps what a run says."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def say(self, line: str) -> None:
        self.lines.append(line)

    def begin(self, phase: str, total: int, *, score: str = "", unit: str = "images") -> None: ...

    def advance(self, count: int, *, loss: float | None = None, accuracy: float | None = None) -> None: ...

    def end(self) -> None: ...


@pytest.fixture
def first(tmp_path: Path) -> striate.Run:
    settings = striate.Settings(size=12, epochs=2, net=NET)
    return striate.train(photos(tmp_path / "first", 2), settings=settings, out=tmp_path / "run")


def weights_of(run: striate.Run) -> Path:
    return run.folder / "model" / "model.safetensors"


def test_a_run_starts_from_anothers_weights_with_its_normalisation_and_a_new_head(
    first: striate.Run, tmp_path: Path
) -> None:
    said = Said()
    settings = striate.Settings(
        size=12, epochs=1, net=NET, weights=str(weights_of(first)), lr=0.0, weight_decay=0.0
    )
    second = striate.train(
        photos(tmp_path / "more", 3), settings=settings, out=tmp_path / "second", progress=said
    )
    assert (
        "Took 7 tensors from model.safetensors. The head for 2 classes was replaced by a new one for 3: train it."
        in said.lines
    )
    assert second.preprocess == first.preprocess
    assert second.recipe.weights == str(weights_of(first))
    before, after = load_file(weights_of(first)), load_file(weights_of(second))
    assert torch.equal(before["0.weight"], after["0.weight"])
    assert len(second.predict(np.zeros((12, 12, 3), np.uint8))) == 3


def test_the_rate_is_lower_from_given_weights(first: striate.Run, tmp_path: Path) -> None:
    settings = striate.Settings(size=12, epochs=1, net=NET, weights=str(weights_of(first)))
    second = striate.train(tmp_path / "first", settings=settings, out=tmp_path / "second")
    assert second.recipe.train.lr == pytest.approx(first.recipe.train.lr / 10)


def test_weights_that_are_not_there_are_refused_before_anything_is_read(tmp_path: Path) -> None:
    with pytest.raises(striate.DataError) as caught:
        striate.train(tmp_path / "nowhere", settings=striate.Settings(weights="none.pth"))
    assert str(caught.value) == (
        "none.pth: no such file. Give a .safetensors or .pth file as weights, or 'imagenet'."
    )


def test_imagenet_weights_of_a_network_that_has_none_are_refused(tmp_path: Path) -> None:
    with pytest.raises(
        striate.UsageError, match=r"^No published ImageNet weights of 'lenet5' are known\. Give a file"
    ):
        striate.train(tmp_path / "nowhere", net="lenet5", settings=striate.Settings(weights="imagenet"))


@pytest.mark.parametrize(
    "config", ["{}", "[]", "not JSON", '{"pretrained_cfg": {"mean": [0.5], "std": [0]}}']
)
def test_a_config_json_of_another_program_is_left_aside(
    first: striate.Run, tmp_path: Path, config: str
) -> None:
    weights = tmp_path / "else" / "model.safetensors"
    weights.parent.mkdir()
    weights.write_bytes(weights_of(first).read_bytes())
    (weights.parent / "config.json").write_text(config)
    settings = striate.Settings(size=12, epochs=1, net=NET, weights=str(weights))
    run = striate.train(tmp_path / "first", settings=settings, out=tmp_path / "second")
    assert run.preprocess.mean == first.preprocess.mean


def test_a_run_that_could_not_write_its_first_checkpoint_starts_from_the_weights_again(
    first: striate.Run, tmp_path: Path
) -> None:
    settings = striate.Settings(size=12, epochs=1, net=NET, weights=str(weights_of(first)))
    whole = striate.train(tmp_path / "first", settings=settings, out=tmp_path / "second")
    before = weights_of(whole).read_bytes()
    shutil.rmtree(whole.folder / "model")
    shutil.rmtree(whole.folder / "checkpoints")
    (whole.folder / "checkpoints").mkdir()  # as a full disk or a kill leaves it
    assert weights_of(striate.resume(whole.folder)).read_bytes() == before
