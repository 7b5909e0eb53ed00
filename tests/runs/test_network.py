import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

import striate

NET = """
from PIL import Image
from torch import nn
from neighbour import WIDTH

class Net(nn.Sequential):
    def __init__(self, width=WIDTH):
        super().__init__(nn.Conv2d(3, width, 3), nn.ReLU())

class Needs(nn.Module):
    def __init__(self, classes):
        super().__init__()

def small():
    return Net(2)

그물 = Net(3)
seven = 7
def wrong():
    return seven
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "neighbour.py").write_text("WIDTH = 5\n", encoding="utf-8")
    path = tmp_path / "net.py"
    path.write_text(NET, encoding="utf-8")
    return path


def refusal(text: str) -> str:
    with pytest.raises(striate.UsageError) as caught:
        striate.load_module(text)
    return str(caught.value)


def test_a_name_of_the_catalogue_is_built_for_its_own_pictures() -> None:
    target = striate.find_network("lenet5")
    assert (target.name, target.input) == ("lenet5", (1, 32, 32))
    assert striate.summary(target.make, target.input).total.params == 60_000


def test_a_name_takes_other_channels_from_the_input() -> None:
    assert striate.load_module("resnet9", input=(4, 32, 32)).eval()(torch.zeros(1, 4, 32, 32)).shape == (
        1,
        10,
    )


def test_a_spec_is_built() -> None:
    target = striate.find_network("conv3-8 relu gap fc-10")
    assert target.input == (3, 32, 32)
    assert isinstance(target.make(), nn.Sequential)


@pytest.mark.parametrize(("name", "width"), [("Net", 5), ("small", 2), ("그물", 3)])
def test_a_class_a_function_or_a_module_of_a_file_is_made(file: Path, name: str, width: int) -> None:
    net = striate.load_module(f"{file}:{name}")
    assert next(net.parameters()).shape[0] == width
    assert striate.find_network(f"{file}:{name}").name == name


def test_an_unknown_name_gets_the_nearest() -> None:
    assert refusal("lenet5-tutoria") == "Unknown network 'lenet5-tutoria'. Did you mean 'lenet5-tutorial'?"


def test_an_unknown_class_gets_the_nearest(file: Path) -> None:
    assert refusal(f"{file}:Nett") == "Unknown class of net.py 'Nett'. Did you mean 'Net'?"


def test_a_class_that_needs_arguments_says_what_to_write(file: Path) -> None:
    assert refusal(f"{file}:Needs") == (
        "net.py:Needs needs other arguments than num_classes and in_channels, which are filled in: missing a required "
        "argument: 'classes'. Write a function without them that makes it, and name that."
    )


def test_what_makes_no_module_is_refused(file: Path) -> None:
    assert refusal(f"{file}:seven") == (
        "net.py:seven is a int; a class or function that makes a module is wanted."
    )
    assert refusal(f"{file}:wrong") == "net.py:wrong makes a int; a torch.nn.Module is wanted."


def test_no_file_and_a_file_that_fails_are_refused(tmp_path: Path) -> None:
    assert refusal("nowhere.py:Net") == "There is no file nowhere.py."
    broken = tmp_path / "broken.py"
    broken.write_text("1 / 0\n", encoding="utf-8")
    assert refusal(f"{broken}:Net") == f"{broken} cannot be run: ZeroDivisionError: division by zero"


def test_a_spec_takes_three_axes() -> None:
    with pytest.raises(
        striate.UsageError,
        match=r"^An input is channels, height and width, such as \(3, 32, 32\); got \(784,\)\.$",
    ):
        striate.load_module("conv3-8 fc-10", input=(784,))


def test_a_run_is_found_with_its_own_network_and_loaded_with_its_own_weights(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (8, 20, 20), dtype=np.uint8)
    for number, picture in enumerate(pixels):
        folder = tmp_path / "data" / "ab"[number % 2]
        folder.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture).save(folder / f"{number}.png")
    run = striate.train(tmp_path / "data", net="lenet5-tutorial", epochs=1, out=tmp_path / "run")
    target = striate.find_network(str(run.folder))
    assert (target.name, target.input) == ("lenet5-tutorial", (1, *run.preprocess.size))
    assert striate.summary(target.make, target.input).layers[-1].output == (2,)
    loaded, own = striate.load_module(str(run.folder)).state_dict(), run.model.state_dict()
    assert all(torch.equal(loaded[key], own[key]) for key in own)


def test_a_spec_longer_than_any_path_is_a_spec() -> None:
    text = "conv3-8 relu " * 400 + "gap fc-10"
    assert striate.find_network(text).name == text


def test_a_file_may_put_a_folder_of_its_own_before_its_neighbours(file: Path, tmp_path: Path) -> None:
    before = list(sys.path)
    file.write_text("import sys\nsys.path.insert(0, 'mine')\n" + NET, encoding="utf-8")
    try:
        striate.find_network(f"{file}:Net")
        assert sys.path == ["mine", *before]
    finally:
        sys.path[:] = before
