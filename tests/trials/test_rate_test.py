import json
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import striate as package
from striate.cli.train import command
from striate.data.augment.augment import Augment
from striate.display.chart import smooth
from striate.errors import DivergedError, UsageError
from striate.trials.rate_test import STEPS_A_DECADE, suggestion, train_command

NET = "conv3-4 relu gap fc-classes"
FLAGS = ("--net", NET, "--size", "8", "--batch", "8")


def test_smoothing_is_the_weighted_mean_of_what_came_before() -> None:
    losses = [3.0, 1.0, 4.0, 1.0, 5.0]
    for n, mean in enumerate(smooth(losses), 1):
        weights = 0.8 ** np.arange(n)[::-1]
        assert mean == pytest.approx(np.average(losses[:n], weights=weights))


def test_a_tenth_of_the_rate_of_least_loss_is_suggested_to_two_digits() -> None:
    assert suggestion([0.001, 0.0123456, 0.1, 1.0], [2.0, 1.0, 1.5, 9.0]) == 0.0012


@pytest.mark.parametrize("smoothed", [[], [1.0], [1.0, 1.0, 2.0]])
def test_a_loss_that_never_fell_suggests_nothing(smoothed: list[float]) -> None:
    with pytest.raises(DivergedError) as raised:
        suggestion([0.1] * len(smoothed), smoothed)
    assert str(raised.value) == (
        "the loss did not fall at any rate, so none can be suggested. "
        "Look at the pictures and labels, or try another --net or --optimizer."
    )


def test_the_rate_rises_evenly_until_the_loss_is_lost(photos: Path) -> None:
    settings = package.Settings(net=NET, size=8, batch=8)
    test = package.find_lr(photos, settings=settings)
    ratios = np.divide(test.rates[1:], test.rates[:-1])
    assert np.allclose(ratios, 10 ** (1 / STEPS_A_DECADE))
    assert test.rates[0] == pytest.approx(0.05 * 8 / 128 / 1000)
    assert len(test.losses) == len(test.smoothed) == len(test.rates) <= 150
    assert test.smoothed[-1] > min(test.smoothed)
    assert test.lr == pytest.approx(test.rates[int(np.argmin(test.smoothed))] / 10, rel=0.05)
    # A rate in the settings is what is looked for, so it changes nothing.
    again = package.find_lr(photos, net=NET, settings=package.Settings(size=8, batch=8, lr=7.0))
    assert (again.lr, again.losses) == (test.lr, test.losses)


def test_the_first_loss_is_that_of_the_network_as_training_begins_it(photos: Path, tmp_path: Path) -> None:
    settings = package.Settings(net=NET, size=8, batch=8, epochs=1)
    run = package.train(photos, settings=settings, out=tmp_path / "run")
    first = next(line["loss"] for line in run.metrics if line["kind"] == "step")
    assert package.find_lr(photos, settings=settings).losses[0] == first


def test_the_command_line_writes_a_page_and_the_command_to_train_with_and_takes_no_run_folder(
    striate: Callable[..., Any], photos: Path, tmp_path: Path
) -> None:
    answer = striate("train", "photos", *FLAGS, "--find-lr")
    assert answer.code == 0, answer.err
    first, page, train = answer.out.splitlines()
    lr = first.split()[1].rstrip(":")
    assert first == f"lr      {lr}: a tenth of the rate at which the loss was least"
    assert page == "page    find-lr.html"
    assert train == f"train   striate train photos --net '{NET}' --size 8 --batch 8 --lr {lr}"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["find-lr.html", "photos"]
    text = (tmp_path / "find-lr.html").read_text(encoding="utf-8")
    assert "Finding the learning rate" in text
    assert "학습률 찾기" in text
    assert "://" not in text
    (tmp_path / "pages").mkdir()
    answer = striate("train", "photos", *FLAGS, "--find-lr", "--json", "--out", "pages")
    values = json.loads(answer.out)
    assert values["page"] == "pages/find-lr.html"
    assert f"{values['lr']:g}" == lr
    assert (tmp_path / "pages" / "find-lr.html").exists()


def test_the_command_says_what_the_settings_say() -> None:
    settings = package.Settings(
        net=NET, size=8, augment="medical", erasing=0.25, optimizer="adam", weight_decay=0.0, warmup=0.1,
        schedule="plateau", plateau_patience=4, allow_bad=True, pack=False, lr=9.0, seed=3,
        ema=0.9, calibrate=False, val=True, sync_bn=True, patience=2, progressive=0.5, dropout=0.25, clip_norm=2.0,
    )  # fmt: skip
    words = shlex.split(train_command("my photos", settings, lr=0.0125))
    assert words[:3] == ["striate", "train", "my photos"]
    given = dict(command.make_context("train", words[2:]).params)
    assert given.pop("data") == "my photos"
    for name in ("out", "find_lr", "as_json", "nproc", "eject", "dry_run"):
        given.pop(name)
    assert package.Settings(**given) == package.Settings(**{**vars(settings), "lr": 0.0125})
    assert train_command("photos", package.Settings(augment=Augment(flip=True)), lr=0.1) == ""


def test_a_rate_is_found_in_one_process(striate: Callable[..., Any]) -> None:
    for flag in (["--find-lr"], ["--dry-run"], ["--eject", "train.py"]):
        answer = striate("train", "photos", *flag, "--nproc", "2")
        assert (answer.code, answer.err) == (
            1,
            f"striate: {flag[0]} works in one process. Leave --nproc out.\n",
        )


def test_only_one_thing_is_done_in_the_place_of_training(striate: Callable[..., Any]) -> None:
    answer = striate("train", "photos", "--dry-run", "--find-lr")
    assert (answer.code, answer.err) == (
        1,
        "striate: --find-lr and --dry-run each take the place of training. Keep one.\n",
    )


def test_a_network_with_its_own_rule_has_no_rate_to_find(photos: Path) -> None:
    with pytest.raises(UsageError) as raised:
        package.find_lr(photos, net="adaline")
    assert str(raised.value) == (
        "adaline learns by its own rule, which has no optimizer to try. Give another --net."
    )
