import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file

from striate.sources.opening import BUNDLED

Striate = Callable[..., Any]
Flags = tuple[str, ...]
FULL_FASHION = Path("/usr/share/datasets/fashion-mnist")
WANTED = (
    "Wanted: one folder a class, with JPEG or PNG files in each, or the same below train/, val/ and test/."
)


def test_a_run_says_its_choices_its_epochs_and_where_it_is(
    striate: Striate, photos: Path, flags: Flags
) -> None:
    answer = striate("train", photos, *flags, "--out", "my run")
    assert answer.code == 0
    assert answer.out == "run     my run\nreport  my run/report.html\n"
    lines = answer.err.splitlines()
    assert lines[:4] == [
        "optimizer nesterov: the default",
        "lr 0.003125: for nesterov at batch 8, a network with no norms, few layers",
        "weight_decay 0.0005: for nesterov",
        "engine contiguous fp32: the usual one; 8 steps are too few to measure others by",
    ]
    assert [line.split(":")[0] for line in lines[4:6]] == ["epoch 1", "epoch 2"]
    assert lines[6].startswith("test accuracy ")
    assert lines[6].endswith(" on 4 pictures")


def test_json_is_one_document_on_standard_output(striate: Striate, photos: Path, flags: Flags) -> None:
    found = json.loads(striate("train", photos, *flags, "--out", "run", "--json").out)
    assert found.keys() == {"run", "net", "classes", "result"}
    assert found["classes"] == ["dog", "고양이"]
    assert found["result"].keys() == {"split", "accuracy", "ece", "raw_ece", "loss", "images"}


def test_an_option_may_be_written_with_an_equals_sign(striate: Striate, photos: Path, flags: Flags) -> None:
    answer = striate("train", photos, *flags, "lr=0.25", "weight_decay=0", "--out", "run")
    assert answer.code == 0
    recipe = Path("run/recipe.toml").read_text(encoding="utf-8")
    assert "lr = 0.25\n" in recipe
    assert "weight_decay = 0.0\n" in recipe


REFUSED: dict[str, tuple[list[str], int, str | None]] = {
    "no such folder": (["nowhere"], 2, "nowhere: no such folder. Give a folder of class folders, or 'fashion'."),
    "a file": (
        ["photos/dog/사진0.png"], 2,
        "photos/dog/사진0.png: no data set. Give the folder that holds the class folders, or a file of these: "
        ".csv, .tsv, .jsonl, .npz, .parquet, .zip, .tar, .tar.gz.",
    ),
    "no pictures": (["empty"], 2, f"empty: no pictures in it. {WANTED}"),
    "one class": (["one"], 2, f"one: only one class with pictures, 'dog'; a classifier needs two or more. {WANTED}"),
    "momentum where there is none": (
        ["photos", "--optimizer", "adagrad", "--momentum", "0.5"], 1, "adagrad has no momentum. Leave --momentum out."
    ),
    "a patience nobody needs": (
        ["photos", "--plateau-patience", "4"], 1,
        "--plateau-patience is for --schedule plateau, and this is one-cycle.",
    ),
    "muon without filters": (
        ["photos", "--net", "flatten fc-8 relu fc-classes", "--optimizer", "muon"], 1,
        "muon is for the filters of convolutions, and flatten fc-8 relu fc-classes has none. Take adamw.",
    ),
    "unknown network": (["photos", "--net", "resnet9x"], 1, "Unknown network 'resnet9x'. Did you mean 'resnet9'?"),
    "a network too large for its pictures": (
        ["photos", "--net", "lenet5", "--size", "4"],
        1,
        "c1 (Conv2d): its input is 3x4x4. A window of 5 is wider than the axis it slides along: size 4 with padding "
        "0 + 0 is 4. Use padding 1, a kernel of at most 4, or a size of at least 5. The smallest picture this network "
        "can take is 3x32x32.",
    ),
    "a batch too small for norms": (
        ["photos", "--net", "conv3-4 gap bn fc-classes", "--batch", "1", "--size", "8"],
        1,
        "conv3-4 gap bn fc-classes cannot be trained on a batch of 1 at 3x8x8, the smallest of an epoch: Expected more "
        "than 1 value per channel when training, got input size torch.Size([1, 4]). Give another --batch than 1.",
    ),
    "no epochs": (["photos", "--epochs", "0"], 1, "epochs is 0; it must be at least 1."),
    "a setting out of range, before the data are looked at": (
        ["nowhere", "--ema", "1"], 1, "ema is 1.0; it must be at least 0 and under 1."
    ),
    "a page in no folder, before anything is tried": (
        ["nowhere", "--find-lr", "--out", "no/such.html"], 1,
        "Invalid value: no/such.html cannot be written: there is no folder no.",
    ),
    "a script that is a folder": (
        ["nowhere", "--eject", "photos"], 1, "Invalid value for '--eject': photos is a folder; wanted a file."
    ),
    "a script in no folder": (
        ["nowhere", "--eject", "no/train.py"], 1,
        "Invalid value for '--eject': no/train.py cannot be written: there is no folder no.",
    ),
    "a script that is none by its name": (
        ["nowhere", "--eject", "clean.csv"], 1, "Invalid value for '--eject': clean.csv ends in none of these: .py."
    ),
    "epochs that are no number": (
        ["photos", "--epochs", "x"], 1, "Invalid value for '--epochs': 'x' is not a valid integer.",
    ),
    "a flag without its value": (["photos", "--net"], 1, "Option '--net' requires an argument."),
    "an unknown option": (
        ["photos", "--epoch", "3"], 1,
        "No such option '--epoch'. (Did you mean one of: '--depth', '--epochs', '--nproc'?)",
    ),
    "a depth that is none": (["photos", "--depth", "12"], 1, "depth is 12; it must be 8 or 16."),
    "an unknown choice": (
        ["photos", "--optimizer", "lion"], 1,
        "Unknown --optimizer 'lion'. Known: adadelta, adagrad, adam, adamw, momentum, muon, nesterov, rmsprop, sgd.",
    ),
    "a misspelt choice": (
        ["photos", "layout=chanels_last"], 1, "Unknown --layout 'chanels_last'. Did you mean 'channels_last'?"
    ),
    "no data": ([], 1, "Missing argument 'DATA'."),
    "no size": (["photos", "size=0"], 1, "size is 0; it must be at least 1."),
    "a seed out of range": (["photos", "--seed", "-1"], 1, "seed is -1; it must be at least 0 and under 2^63."),
    "pictures larger than memory": (["photos", "--size", "10000000"], 3, None),
}  # fmt: skip


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_trained_is_refused_in_one_line_and_leaves_nothing(
    striate: Striate, photos: Path, tmp_path: Path, case: str
) -> None:
    (tmp_path / "empty" / "a").mkdir(parents=True)
    (tmp_path / "one" / "dog").mkdir(parents=True)
    (tmp_path / "one" / "dog" / "1.png").write_bytes((photos / "dog" / "사진0.png").read_bytes())
    argv, code, message = REFUSED[case]
    answer = striate("train", *argv)
    assert answer.code == code
    assert answer.out == ""
    last = answer.err.splitlines()[-1]
    if message is None:
        assert last.startswith(
            "striate: photos: 40 pictures of 3x10000000x10000000 take 12000000.0 GB of memory, and this"
        )
        assert last.endswith("Make them smaller: --size")
    else:
        assert last == f"striate: {message}"
    assert "Traceback" not in answer.err
    assert not (tmp_path / "runs").exists()


def spoil(folder: Path, name: str, content: bytes) -> None:
    (folder / name).write_bytes(content)


def test_a_corrupt_picture_is_named_and_left_out(
    striate: Striate, tmp_path: Path, make_photos: Any, flags: Any
) -> None:
    photos = make_photos(tmp_path / "many", count=100)
    picture = photos / "dog" / "사진7.png"
    picture.write_bytes(picture.read_bytes()[:60])
    answer = striate("train", photos, *flags, "--out", "run")
    assert answer.code == 0
    data = json.loads(Path("run/data.json").read_text(encoding="utf-8"))
    assert [bad["file"] for bad in data["quarantined"]] == ["dog/사진7.png"]
    reason = data["quarantined"][0]["reason"]
    assert f"left out 1 of 200 pictures that cannot be read:\n  dog/사진7.png: {reason}\n" in answer.err
    page = Path("run/report.html").read_text(encoding="utf-8")
    assert "dog/사진7.png" in page
    assert sum(len(pictures) for pictures in data["splits"].values()) == 199


def test_too_many_corrupt_pictures_stop_it_with_the_list_unless_allowed(
    striate: Striate, photos: Path, flags: Flags
) -> None:
    for i in range(12):
        spoil(photos / "dog", f"사진{i}.png", b"")
    answer = striate("train", photos, *flags, "--out", "run")
    assert answer.code == 2
    message = answer.err[answer.err.index("striate: ") :].splitlines()
    assert message[0] == f"striate: {photos}: 12 of 40 pictures cannot be read, more than 1 %:"
    assert len(message) == 13
    assert all(
        line.startswith("  dog/사진") and line.endswith(".png: the file is empty") for line in message[1:11]
    )
    assert message[11:] == ["  and 2 more", "Mend or remove them, or train without them: --allow-bad"]
    assert not Path("run").exists()
    allowed = striate("train", photos, *flags, "--out", "run", "--allow-bad")
    assert allowed.code == 0
    assert "left out 12 of 40 pictures that cannot be read:\n" in allowed.err


def test_pictures_that_all_are_corrupt_cannot_be_allowed(
    striate: Striate, photos: Path, flags: Flags
) -> None:
    for picture in photos.rglob("*.png"):
        picture.write_bytes(b"<html>")
    answer = striate("train", photos, *flags, "--allow-bad")
    assert answer.code == 2
    assert f"striate: {photos}: none of the training pictures can be read:\n" in answer.err


def test_a_rate_out_of_all_bounds_stops_with_code_5_and_saves_nothing_of_it(
    striate: Striate, photos: Path, flags: Flags
) -> None:
    answer = striate(
        "train",
        photos,
        *flags,
        "--lr",
        "1e30",
        "--optimizer",
        "sgd",
        "--checkpoint-every",
        "1",
        "--out",
        "run",
    )
    assert answer.code == 5
    last = answer.err.splitlines()[-1]
    assert last.startswith("striate: the ")
    assert last.endswith(
        "of it was saved. After 4 rollbacks the peak rate was 3.91e+27. Train again with a lower one: leave --lr out, "
        "so that one is chosen. The run until then: run"
    )
    for path in Path("run").rglob("*.safetensors"):
        assert all(tensor.isfinite().all() for tensor in load_file(path).values())


def test_a_real_process_prints_no_bars_into_a_pipe(photos: Path, tmp_path: Path, flags: Flags) -> None:
    argv = [sys.executable, "-m", "striate", "train", str(photos), *flags]
    src = str(Path(__file__).parents[2] / "src")
    done = subprocess.run(
        argv, cwd=tmp_path, capture_output=True, text=True, check=False, env={"PYTHONPATH": src, "LANG": "C"}
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("run     runs/")
    assert "\x1b" not in done.stderr
    assert "━" not in done.stderr


@pytest.mark.parametrize("data", ["fashion", BUNDLED["fashion"]])
def test_the_bundled_set_goes_by_its_name_and_by_its_path(striate: Striate, data: str | Path) -> None:
    net = "conv5-2/s4 relu gap fc-classes"
    answer = striate("train", data, "--net", net, "--epochs", "1", "--out", "run")
    assert answer.code == 0, answer.err
    assert answer.err.splitlines()[-1].endswith(" on 2,000 pictures")
    assert f'data = "{data}"\n' in Path("run/recipe.toml").read_text(encoding="utf-8")


@pytest.mark.slow
@pytest.mark.skipif(
    not FULL_FASHION.is_dir(), reason="Debian's package dataset-fashion-mnist is not installed"
)
def test_the_full_fashion_mnist_goes_by_its_folder(striate: Striate) -> None:
    answer = striate(
        "train", FULL_FASHION, "--net", "lenet5-tutorial", "--epochs", "1", "--out", "run", "--json"
    )
    assert answer.code == 0, answer.err
    result = json.loads(answer.out)["result"]
    assert (result["split"], result["images"]) == ("test", 10_000)
    assert result["accuracy"] > 0.7
