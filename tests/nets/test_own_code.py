import json
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest
import torch
from conftest import Answer, MakePhotos
from forks import SRC
from torch import nn

import striate
from striate.cli.main import main
from striate.errors import UsageError
from striate.nets.blueprint import check_name
from striate.nets.own_code import is_trusted, keep, kept_files, make_kept, sources

NET = """
import torch
from torch import nn
from parts.block import Block

START = torch.zeros(3)
ready = nn.Conv2d(3, 2, 8)

class Net(nn.Module):
    def __init__(self, num_classes, in_channels=1, width=4):
        super().__init__()
        rates = [rate.item() for rate in torch.linspace(0, 0.2, 2)]
        self.stem = nn.Conv2d(in_channels, width, 3)
        self.blocks = nn.Sequential(*(Block(width, rate) for rate in rates))
        self.head = nn.Linear(width, num_classes)
        self.register_buffer("start", START)

    def forward(self, x):
        return self.head(self.blocks(self.stem(x)).mean((2, 3)))

class Two(nn.Sequential):
    def __init__(self):
        super().__init__(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2))

def three():
    return nn.Sequential(nn.Conv2d(3, 3, 8), nn.Flatten())

class Needs(nn.Module):
    def __init__(self, depth):
        super().__init__()

class Pair(Two):
    def forward(self, x):
        return super().forward(x), 1

class 그물(Net):
    pass
"""
BLOCK = """
from torch import nn
from . import scale

class Block(nn.Module):
    def __init__(self, width, rate):
        super().__init__()
        self.conv = nn.Conv2d(width, width, 3, padding=1)
        self.drop = nn.Dropout(rate)

    def forward(self, x):
        return x + scale.BY * self.drop(self.conv(x))
"""
SMALL = ("--size", "8", "--epochs", "2", "--batch", "8", "--augment", "none", "--threads", "2")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A network in a file that imports a package beside it, which imports its own file."""
    (tmp_path / "mine" / "parts").mkdir(parents=True)
    (tmp_path / "mine" / "parts" / "block.py").write_text(BLOCK, encoding="utf-8")
    (tmp_path / "mine" / "parts" / "scale.py").write_text("BY = 2\n", encoding="utf-8")
    (tmp_path / "mine" / "unused.py").write_text("1 / 0\n", encoding="utf-8")
    path = tmp_path / "mine" / "net.py"
    path.write_text(NET, encoding="utf-8")
    return path


@pytest.fixture
def photos(tmp_path: Path, make_photos: MakePhotos) -> Path:
    return make_photos(tmp_path / "photos")


@pytest.fixture(autouse=True)
def _own_cache_and_imports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STRIATE_CACHE", str(tmp_path / "cache"))
    for name in [name for name in sys.modules if name.partition(".")[0] == "parts"]:
        monkeypatch.delitem(sys.modules, name)


def answered(*words: object, capsys: pytest.CaptureFixture[str]) -> Answer:
    code = main([str(word) for word in words])
    out, err = capsys.readouterr()
    return Answer(code, out, err)


def train(photos: Path, net: str, out: Path, **settings: object) -> striate.Run:
    asked = {"size": 8, "batch": 8, "augment": "none", "threads": 2, **settings}
    return striate.train(photos, net=net, epochs=2, settings=striate.Settings(**asked), out=out)  # type: ignore[arg-type]


def test_the_files_a_network_imports_are_found_by_reading(file: Path) -> None:
    assert list(sources(file)) == ["net.py", "parts/block.py", "parts/scale.py"]


@pytest.mark.parametrize("line", ["from ..beside import X", "from ... import X"])
def test_what_a_file_imports_from_outside_its_folder_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: str
) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "beside.py").write_text("X = 1\n", encoding="utf-8")
    source = f"try:\n    {line}\nexcept ImportError:\n    X = 2\n"
    (tmp_path / "mine" / "net.py").write_text(source, encoding="utf-8")
    assert list(sources(tmp_path / "mine" / "net.py")) == ["net.py"]
    monkeypatch.chdir(tmp_path / "mine")
    assert list(sources(Path("net.py"))) == ["net.py"]


def test_a_class_in_a_file_is_trained_and_stays_what_it_was(
    file: Path, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    done = answered("train", photos, "--net", f"{file}:Net", *SMALL, "--out", tmp_path / "run", capsys=capsys)
    assert done.code == 0, done.err
    run = striate.open_run(tmp_path / "run")
    assert run.recipe.net.startswith("net.py:Net@")
    assert sorted(p.name for p in (run.folder / "code").rglob("*.py")) == ["block.py", "net.py", "scale.py"]
    assert run.model.get_parameter("head.weight").shape == (2, 4)
    assert torch.equal(run.model.get_buffer("start"), torch.zeros(3))
    picture = next(photos.rglob("*.png"))
    before = run.predict(picture)
    (file.parent / "parts" / "scale.py").write_text("BY = -100\n", encoding="utf-8")
    assert striate.open_run(run.folder).predict(picture) == before
    assert train(photos, f"{file}:Net", tmp_path / "other").recipe.net != run.recipe.net
    assert striate.open_run(run.folder).predict(picture) == before


def test_two_states_of_one_neighbour_live_in_one_process(file: Path) -> None:
    answers = []
    first = keep(f"{file}:Net")
    picture = torch.ones(1, 1, 8, 8)
    for net in (first, None):
        if net is None:
            (file.parent / "parts" / "scale.py").write_text("BY = 0\n", encoding="utf-8")
            net = keep(f"{file}:Net")
        torch.manual_seed(0)
        answers.append(make_kept(net, num_classes=2, in_channels=1).eval()(picture))
    torch.manual_seed(0)
    again = make_kept(first, num_classes=2, in_channels=1).eval()(picture)
    assert torch.equal(again, answers[0])
    assert not torch.equal(again, answers[1])


def test_running_a_file_draws_nothing_from_the_seed(file: Path) -> None:
    net = keep(f"{file}:Two")
    torch.manual_seed(3)
    wanted = torch.rand(1)
    torch.manual_seed(3)
    with torch.device("meta"):
        make_kept(net, num_classes=2, in_channels=3)
    assert torch.equal(torch.rand(1), wanted)


def test_a_stopped_run_goes_on_in_the_same_bytes_after_its_file_was_changed(
    file: Path, photos: Path, tmp_path: Path
) -> None:
    whole = train(photos, f"{file}:그물", tmp_path / "whole")
    cut = train(photos, f"{file}:그물", tmp_path / "cut")
    last = max((cut.folder / "checkpoints").glob("[0-9]*"))
    for name in ("model", "report.html"):
        path = cut.folder / name
        path.unlink() if path.is_file() else [*map(Path.unlink, path.iterdir())] and path.rmdir()
    (cut.folder / "checkpoints" / "latest").unlink()
    [*map(Path.unlink, last.iterdir())]
    last.rmdir()
    file.write_text("broken", encoding="utf-8")
    again = striate.resume(cut.folder).model.state_dict()
    assert all(torch.equal(value, again[name]) for name, value in whole.model.state_dict().items())


def test_code_from_elsewhere_is_not_run_until_it_is_trusted(
    file: Path,
    photos: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    run = train(photos, f"{file}:Net", tmp_path / "run")
    picture = next(photos.rglob("*.png"))
    monkeypatch.setenv("STRIATE_CACHE", str(tmp_path / "elsewhere"))
    for words in (("predict", run.folder, picture), ("eval", run.folder), ("summary", run.folder)):
        refused = answered(*words, capsys=capsys)
        assert refused.code == 2
        assert refused.err.splitlines()[-1] == (
            f"striate: {run.folder}: its network, {run.recipe.net}, is Python code that was not used on this machine "
            f"yet, and it is not run unasked. Read {run.folder}/code, and if you trust it: striate trust {run.folder}"
        )
    assert answered("runs", tmp_path, capsys=capsys).code == 0
    asked = answered("train", photos, "--net", run.recipe.net, *SMALL, capsys=capsys)
    assert (asked.code, asked.err.splitlines()[-1]) == (
        2,
        f"striate: {run.recipe.net} is Python code that was not used on this machine yet, and it is not run unasked. "
        "Read the copy in code/ of its run folder, and if you trust it: striate trust RUN",
    )
    trusted = answered("trust", run.folder, capsys=capsys)
    assert (trusted.code, trusted.out) == (0, "trusted net.py, parts/block.py, parts/scale.py\n")
    assert answered("predict", run.folder, picture, capsys=capsys).code == 0
    listed = json.loads(answered("trust", run.folder, "--json", capsys=capsys).out)
    assert listed["trusted"] == ["net.py", "parts/block.py", "parts/scale.py"]


def test_code_that_is_not_what_the_recipe_names_is_not_trusted(
    file: Path,
    photos: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    run = train(photos, f"{file}:Two", tmp_path / "run")
    monkeypatch.setenv("STRIATE_CACHE", str(tmp_path / "elsewhere"))
    code = run.folder / "code"
    (code / "net.py").write_text(NET + "print('more')\n", encoding="utf-8")
    refused = answered("trust", run.folder, capsys=capsys)
    digest = run.recipe.net.rpartition("@")[2]
    assert (refused.code, refused.err) == (
        2,
        f"striate: {code}: not the code that was kept, whose digest is {digest}. Restore it from a copy.\n",
    )


def test_a_run_without_code_needs_no_trust(
    photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train(photos, "conv3-2 gap fc-classes", tmp_path / "run")
    refused = answered("trust", tmp_path / "run", capsys=capsys)
    assert (refused.code, refused.err) == (
        1,
        f"striate: {tmp_path / 'run'}: its network is conv3-2 gap fc-classes, no code of its own. "
        "Nothing needs trust.\n",
    )


@pytest.mark.parametrize(
    ("name", "why"),
    [
        (
            "ready",
            "net.py:ready is a network made already, and a run begins with fresh weights. "
            "Name its class, or a function that makes it.",
        ),
        (
            "Needs",
            "net.py:Needs needs other arguments than num_classes and in_channels, which are filled in: missing a "
            "required argument: 'depth'. Write a function without them that makes it, and name that.",
        ),
        ("Nett", "Unknown class of net.py 'Nett'. Did you mean 'Net'?"),
        (
            "three",
            "{net} answers two pictures with a tensor of (2, 3); wanted is one of (2, 2), a number for each class, "
            "label or target. A class or function that asks for num_classes is told them.",
        ),
        (
            "Pair",
            "{net} answers two pictures with a tuple; wanted is one of (2, 2), a number for each class, "
            "label or target. A class or function that asks for num_classes is told them.",
        ),
    ],
)
def test_what_cannot_be_trained_is_refused(
    file: Path, photos: Path, tmp_path: Path, name: str, why: str
) -> None:
    net = f"{file}:{name}"
    with pytest.raises(striate.UsageError) as caught:
        train(photos, net, tmp_path / "run")
    assert str(caught.value) == why.format(net=keep(net))
    assert not (tmp_path / "run").exists()


def test_a_missing_file_and_one_that_is_not_python_are_refused(tmp_path: Path, photos: Path) -> None:
    with pytest.raises(striate.UsageError, match=r"^There is no file nowhere\.py\.$"):
        train(photos, "nowhere.py:Net", tmp_path / "run")
    broken = tmp_path / "broken.py"
    broken.write_text("class Net(:\n", encoding="utf-8")
    with pytest.raises(striate.UsageError) as caught:
        train(photos, f"{broken}:Net", tmp_path / "run")
    assert str(caught.value) == f"{broken} is not Python: invalid syntax (broken.py, line 1)"


def test_a_network_without_a_number_of_classes_is_trained_where_it_fits(
    file: Path, photos: Path, tmp_path: Path
) -> None:
    run = train(photos, f"{file}:Two", tmp_path / "run")
    assert run.metrics[-1]["kind"] == "result"
    assert isinstance(run.model, nn.Sequential)


def test_a_class_is_told_the_usual_where_nobody_says(file: Path) -> None:
    found = striate.summary(striate.find_network(f"{file}:Net", input=(5, 8, 8)).make, (5, 8, 8))
    assert (found.layers[0].weight, found.layers[-1].output) == (5 * 4 * 9, (1000,))


def test_weights_of_a_run_of_own_code_start_another(file: Path, photos: Path, tmp_path: Path) -> None:
    first = train(photos, f"{file}:Net", tmp_path / "first")
    weights = str(first.folder / "model" / "model.safetensors")
    second = train(photos, f"{file}:Net", tmp_path / "second", weights=weights)
    assert second.recipe.weights == weights
    assert second.metrics[0]["loss"] < first.metrics[0]["loss"]


def test_kept_code_that_was_damaged_is_mended_by_naming_it_again(file: Path, tmp_path: Path) -> None:
    net = keep(f"{file}:Net")
    kept = tmp_path / "cache" / "code" / net.rpartition("@")[2]
    (kept / "parts" / "scale.py").unlink()
    with pytest.raises(striate.DataError, match=f"^{kept}: not the code that was kept, whose digest is "):
        kept_files(net)
    assert keep(f"{file}:Net") == net
    assert list(kept_files(net)) == ["net.py", "parts/block.py", "parts/scale.py"]


def test_code_is_kept_once_by_all_who_keep_it_at_the_same_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(5):
        # Each time in a new cache folder, which all of them make.
        monkeypatch.setenv("STRIATE_CACHE", str(tmp_path / f"cache{number}"))
        (tmp_path / "net.py").write_text(f"X = {number}\n", encoding="utf-8")
        together = Barrier(8)

        def kept(_: int, together: Barrier = together) -> str:
            together.wait()
            return keep(f"{tmp_path / 'net.py'}:X")

        with ThreadPoolExecutor(8) as threads:
            names = set(threads.map(kept, range(8)))
        assert [*map(is_trusted, names)] == [True]


def test_ctrl_c_ends_a_file_that_goes_on_and_on(tmp_path: Path) -> None:
    path = tmp_path / "net.py"
    path.write_text("import time\nprint('on', flush=True)\ntime.sleep(60)\n", encoding="utf-8")
    with subprocess.Popen(
        [sys.executable, "-m", "striate", "summary", f"{path}:Net"],
        env={**os.environ, "PYTHONPATH": str(SRC)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "on\n"
        began = time.monotonic()
        process.send_signal(signal.SIGINT)
        err = process.communicate()[1]
        assert (process.returncode, err.strip()) == (130, "striate: interrupted")
        assert time.monotonic() - began < 30


ODD = """
import sys
import torch
from torch import nn

class Lazy(nn.Sequential):
    def __init__(self, num_classes):
        super().__init__(nn.LazyConv2d(4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, num_classes))

class Empty(nn.Sequential):
    def __init__(self):
        super().__init__(nn.AdaptiveAvgPool2d(1), nn.Flatten())

    def forward(self, x):
        return super().forward(x)[:, :2]

class Late(nn.Module):
    def __init__(self, num_classes):
        super().__init__()
        self.num_classes, self.stem = num_classes, nn.Conv2d(3, 4, 3)

    def forward(self, x):
        x = self.stem(x).mean((2, 3))
        if not hasattr(self, "fc"):
            self.fc = nn.Linear(4, self.num_classes)
        return self.fc(x)

class Exit(nn.Module):
    def __init__(self):
        sys.exit(7)
"""


@pytest.mark.parametrize(
    ("name", "said"),
    [
        (
            "Lazy",
            "{net} has weights of no size yet, such as 0.weight. "
            "Give its layers their sizes, as in Linear for LazyLinear.",
        ),
        ("Empty", "{net} has no weights to learn."),
        (
            "Late",
            "{net} makes weights while it answers, such as fc.weight, and they could not be loaded again. "
            "Make them in __init__.",
        ),
        ("Exit", "odd.py:Exit cannot be made: SystemExit: 7"),
    ],
)
def test_networks_that_could_not_be_trained_or_loaded_are_refused_before_a_run_is_made(
    tmp_path: Path, photos: Path, capsys: pytest.CaptureFixture[str], name: str, said: str
) -> None:
    (tmp_path / "odd.py").write_text(ODD)
    net = keep(f"{tmp_path}/odd.py:{name}")
    assert (
        main(
            [
                "train",
                str(photos),
                "--net",
                f"{tmp_path}/odd.py:{name}",
                *SMALL,
                "--out",
                str(tmp_path / "run"),
            ]
        )
        == 1
    )
    assert capsys.readouterr().err.splitlines()[-1] == f"striate: {said.format(net=net)}"
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("x = 1\n", "net.py has nothing called 'Net', nor any class of a torch.nn.Module."),
        ("import sys\nsys.exit(3)\n", "{path} cannot be run: SystemExit: 3"),
        ("def f(:\n", "{file} is not Python: invalid syntax (net.py, line 1)"),
        (
            "import not_there_at_all\n",
            "{path} cannot be run: ModuleNotFoundError: No module named 'not_there_at_all'. "
            "It can import what is installed, and what lies in its own folder and below.",
        ),
    ],
)
def test_a_file_that_brings_no_network_is_refused_with_its_reason(
    tmp_path: Path, content: str, said: str
) -> None:
    (tmp_path / "net.py").write_text(content)
    with pytest.raises(UsageError) as error:
        make_kept(keep(f"{tmp_path}/net.py:Net"), num_classes=2, in_channels=3)
    text = str(error.value)
    path = text.partition(" cannot be run")[0]
    assert text == said.format(path=path, file=tmp_path / "net.py")


@pytest.mark.parametrize("name", ["net.py", "net.py:", "net.py:Net()", "net.py:3"])
def test_a_file_without_a_class_is_told_how_to_name_one(name: str) -> None:
    with pytest.raises(UsageError) as error:
        check_name(name)
    assert str(error.value) == (
        f"'{name}' names no class in a file. Write it as net.py:Net, where Net is a class or function."
    )


LATE = """
from torch import nn
from .near import WIDTH

class Net(nn.Sequential):
    def __init__(self, num_classes):
        import far
        from . import near
        super().__init__(nn.Conv2d(3, WIDTH + near.WIDTH, 3), far.Pool(), nn.Linear(2 * WIDTH, num_classes))
"""


def test_neighbours_may_be_imported_from_the_package_and_when_the_network_is_made(tmp_path: Path) -> None:
    (tmp_path / "net.py").write_text(LATE)
    far = "from torch import nn\n\nclass Pool(nn.Module):\n    def forward(self, x):\n        return x.mean((2, 3))\n"
    (tmp_path / "far.py").write_text(far)
    kept = []
    for width in (2, 3):  # two states of the same files in one process
        (tmp_path / "near.py").write_text(f"WIDTH = {width}\n")
        kept.append(keep(f"{tmp_path}/net.py:Net"))
    for net, width in zip(kept * 2, (2, 3, 2, 3), strict=True):
        assert make_kept(net, num_classes=5, in_channels=3)(torch.zeros(1, 3, 8, 8)).shape == (1, 5)
        assert make_kept(net, num_classes=5, in_channels=3)[0].out_channels == 2 * width
