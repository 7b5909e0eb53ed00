import ast
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from made import discs, shapes
from PIL import Image
from safetensors.torch import load_file

import striate
from striate.errors import UsageError
from striate.sources.arrays.arrays import ArrayPictures
from striate.sources.source import Source
from striate.sources.targets.kind import settled

ROOT = Path(__file__).parents[3]
SPEC = "conv3-4 relu [conv3-4 bn relu]+ [conv3-3]& dropout gap fc-classes"
OWN = """
from torch import nn
from width import WIDTH

class Net(nn.Sequential):
    def __init__(self, num_classes):
        head = nn.Flatten(), nn.Linear(WIDTH, num_classes)
        super().__init__(nn.Conv2d(3, WIDTH, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), *head)
"""
# What a script must not need where it can do without.
PLAIN = re.compile(r"^(import striate|from striate)", re.MULTILINE)


def coloured(root: Path, *, side: tuple[int, int] = (20, 17), count: int = 60) -> Path:
    """Write a flat folder of two classes of noise, JPEG and PNG."""
    for number, name in enumerate(("고양이", "dog")):
        (root / name).mkdir(parents=True)
        for i in range(count):
            noise = np.random.default_rng((number, i)).integers(0, 200, (*side, 3)) + 40 * number
            Image.fromarray(noise.astype(np.uint8)).save(root / name / f"사진{i}.{'png' if i % 2 else 'jpg'}")
    return root


def printed_by(folder: Path) -> list[float]:
    """Run train.py of a folder and return the losses that it prints."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT / "src")}
    done = subprocess.run(
        [sys.executable, "-W", "error", "train.py"],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return [float(value) for value in re.findall(r"^step \d+: loss (.+)$", done.stdout, re.MULTILINE)]


def first_losses(run: striate.Run) -> list[float]:
    """Return the losses of a run's first 20 steps, as a script prints them."""
    steps = [line["loss"] for line in run.metrics if line["kind"] == "step"][:20]
    return [float(f"{loss:.9g}") for loss in steps]


def both(data: Path | str, folder: Path, **settings: object) -> tuple[list[float], list[float], str]:
    """Return the first losses of the script and of the run, and the script."""
    asked = striate.Settings(**{"epochs": 5, "batch": 16, "seed": 3, **settings})  # type: ignore[arg-type]
    script = striate.eject(data, folder / "train.py", settings=asked)
    printed = printed_by(folder)
    run = striate.train(data, settings=asked, out=folder / "run")
    assert load_file(folder / "model.safetensors").keys() == run.model.state_dict().keys()
    return printed, first_losses(run), script.read_text(encoding="utf-8")


CASES: dict[str, dict[str, object]] = {
    "mlp, sgd": {"net": "mlp", "optimizer": "sgd", "augment": "none", "schedule": "constant"},
    "lenet5, nesterov": {"net": "lenet5", "augment": "digits", "schedule": "one-cycle"},
    "resnet9, adamw": {
        "net": "resnet9", "size": 16, "optimizer": "adamw", "augment": "small-photos", "schedule": "cosine",
    },
    "spec, adagrad, step": {"net": SPEC, "size": 12, "optimizer": "adagrad", "schedule": "step"},
    "spec": {"net": SPEC, "size": 12, "augment": "small-photos", "fit": "squash", "class_weights": "balanced"},
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_the_script_has_the_same_first_20_losses_to_the_last_bit(case: str, tmp_path: Path) -> None:
    printed, recorded, script = both(coloured(tmp_path / "data"), tmp_path, **CASES[case])
    assert len(printed) == 20
    assert printed == recorded
    # A spec is written out whole; a network of the catalogue is all that striate is asked for.
    assert PLAIN.findall(script) == ([] if case.startswith("spec") else ["import striate"])
    lines = (
        script.split("torch.manual_seed(SEED)")[0].splitlines() + script.split("\nweights = ")[1].splitlines()
    )
    assert sum(bool(line.strip()) for line in lines) <= 175, "beside the network's own lines"


def test_a_network_of_ones_own_is_imported(tmp_path: Path) -> None:
    (tmp_path / "my nets").mkdir()
    file = tmp_path / "my nets" / "net-1.py"
    (tmp_path / "my nets" / "width.py").write_text("WIDTH = 4\n", encoding="utf-8")
    file.write_text(OWN, encoding="utf-8")
    printed, recorded, script = both(coloured(tmp_path / "data"), tmp_path, net=f"{file}:Net", size=12)
    assert printed == recorded
    assert "net = import_module('net-1').Net(num_classes=2)" in script
    assert "import striate" not in script


FROM_STRIATE: dict[str, dict[str, object]] = {
    "crops and colours": {"net": "resnet9", "size": 16, "augment": "photos", "mixup": 0.3, "cutmix": 1.0},
    "balanced": {"net": SPEC, "size": 12, "augment": "aerial", "sampling": "balanced"},
    "padded": {"net": SPEC, "size": 12, "augment": "small-photos", "fit": "pad"},
    "noise boxes": {"net": SPEC, "size": 12, "augment": "digits", "erasing": 0.5},
}


@pytest.mark.parametrize("case", FROM_STRIATE)
def test_what_takes_more_than_a_few_lines_is_asked_of_striate(case: str, tmp_path: Path) -> None:
    printed, recorded, script = both(coloured(tmp_path / "data"), tmp_path, **FROM_STRIATE[case])
    assert printed == recorded
    assert "import striate" in script


@pytest.mark.parametrize("make", [shapes, discs])
def test_labels_and_numbers_have_the_same_losses(make: Callable[..., Path], tmp_path: Path) -> None:
    printed, recorded, script = both(make(tmp_path / "data", count=80), tmp_path, net=SPEC, augment="none")
    assert printed == recorded
    assert "striate reads the pictures, since" in script


def test_a_set_that_is_split_and_one_of_idx_files(tmp_path: Path) -> None:
    for split, count in (("train", 40), ("valid", 8)):
        coloured(tmp_path / "data" / split, count=count)
    printed, recorded, script = both(tmp_path / "data", tmp_path, net=SPEC, size=12, augment="digits")
    assert printed == recorded
    assert "'val': 'valid'" in script
    (tmp_path / "second").mkdir()
    printed, recorded, script = both("fashion", tmp_path / "second", net=SPEC, batch=256, epochs=1)
    assert printed == recorded
    assert "read_idx" in script
    assert "import striate" not in script


def test_pixels_that_a_few_lines_would_get_wrong_are_read_by_striate(tmp_path: Path) -> None:
    data = coloured(tmp_path / "data", count=20)
    clear = np.random.default_rng(5).integers(0, 256, (20, 17, 4), np.uint8)
    Image.fromarray(clear, "RGBA").save(data / "dog" / "clear.png")
    script = striate.eject(data, tmp_path / "train.py", settings=striate.Settings(net=SPEC, size=12))
    assert (
        "striate reads the pictures, since plain Pillow would not give the same pictures."
        in script.read_text()
    )


def test_whatever_a_folder_is_called_the_script_is_python(tmp_path: Path) -> None:
    data = coloured(tmp_path / 'a """\nraise SystemExit(1)\n""" \\', count=10)
    script = striate.eject(data, tmp_path / "train.py", settings=striate.Settings(net=SPEC, size=12, batch=8))
    tree = ast.parse(script.read_text(encoding="utf-8"))
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.Raise)]
    (place,) = (
        n for n in ast.walk(tree) if isinstance(n, ast.Assign) and ast.unparse(n.targets[0]) == "DATA"
    )
    assert ast.unparse(place.value) == f"Path({str(data)!r})"


REFUSED: dict[str, tuple[dict[str, object], str]] = {
    "a rule": (
        {"net": "perceptron"},
        "perceptron learns by its own rule, which cannot be ejected. Give another --net.",
    ),
    "an optimizer of its own": (
        {"net": SPEC, "size": 12, "optimizer": "muon"},
        "The optimizer 'muon' cannot be ejected. These can: sgd, momentum, nesterov, adagrad, rmsprop, adadelta, adam, "
        "adamw.",
    ),
    "a warm-up that is not the schedule's": (
        {"net": SPEC, "size": 12, "warmup": 0.5},
        "warmup 0.5 cannot be ejected. Leave it out.",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_a_script_cannot_say_is_refused(case: str, tmp_path: Path) -> None:
    settings, text = REFUSED[case]
    with pytest.raises(UsageError) as caught:
        striate.eject(
            coloured(tmp_path / "data", count=10),
            tmp_path / "train.py",
            settings=striate.Settings(**settings),  # type: ignore[arg-type]
        )
    assert str(caught.value) == text
    assert not (tmp_path / "train.py").exists()


def test_a_script_takes_the_place_of_an_older_one_and_of_nothing_else(tmp_path: Path) -> None:
    mine, script = tmp_path / "mine.py", tmp_path / "train.py"
    mine.write_text("print('mine')\n")
    data, settings = coloured(tmp_path / "data", count=10), striate.Settings(net=SPEC, size=8, epochs=1)
    with pytest.raises(UsageError) as caught:
        striate.eject(data, mine, settings=settings)
    assert (
        str(caught.value)
        == f"{mine}: there is a file already, and no script of striate's. Give another name."
    )
    assert mine.read_text() == "print('mine')\n"
    first = striate.eject(data, script, settings=settings).read_text()
    assert striate.eject(data, script, settings=settings).read_text() == first


def test_a_set_made_in_python_is_refused(tmp_path: Path) -> None:
    pictures = ArrayPictures("all", np.zeros((4, 8, 8), np.uint8), np.array([0, 1, 0, 1]), np.arange(4))
    source = settled(Source(tmp_path, "mine", ("a", "b"), {"all": pictures}))
    with pytest.raises(UsageError) as caught:
        striate.eject(source, tmp_path / "train.py")
    assert str(caught.value) == (
        "A data set made in Python cannot be ejected: a script has no way to open it. Give a path."
    )


def test_a_script_ejected_before_modules_moved_still_has_the_losses_of_a_run(tmp_path: Path) -> None:
    """Its imports name modules where they stood at 0.1.0 of 30 November 2026."""
    data = coloured(tmp_path / "data")
    old = Path(__file__).with_name("ejected_0_1_0.py.txt").read_text(encoding="utf-8")
    (tmp_path / "train.py").write_text(old, encoding="utf-8")
    settings = striate.Settings(
        net=SPEC,
        size=12,
        augment="photos",
        sampling="balanced",
        mixup=0.3,
        cutmix=1.0,
        epochs=5,
        batch=16,
        seed=3,
    )
    run = striate.train(data, settings=settings, out=tmp_path / "run")
    assert len(re.findall(r"^from striate\.", old, re.MULTILINE)) == 4
    assert printed_by(tmp_path) == first_losses(run)
