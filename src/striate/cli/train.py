"""`striate train DATA`: a network from a folder of pictures."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

import striate
from striate.cli.verb import (
    AUGMENTATIONS,
    OneOf,
    OutputFile,
    Verb,
    device_option,
    json_flag,
    nproc_option,
    print_json,
    print_run,
    showing,
)
from striate.errors import UsageError


@click.command(cls=Verb)
@click.argument("data")
@click.option(
    "--net",
    help="Name of the catalogue, a spec: 'conv3-8 relu gap fc-classes', or a class in a file: net.py:Net. "
    "Default: resnet9.",
)
@click.option(
    "--weights", help="A .safetensors or .pth file to start from, or 'imagenet'. Default: fresh weights."
)
@click.option(
    "--freeze",
    type=OneOf(["none", "body", "auto"]),
    default="auto",
    show_default=True,
    help="Of given weights, the layers below the head: none stays, the body stays, or until a new head has learned.",
)
@click.option(
    "--body-lr",
    type=float,
    help="Share of the rate below the head. Default: 0.1 with weights and a new head.",
)
@click.option("--epochs", type=int, help="Times every picture is seen. Default: by the number of pictures.")
@click.option("--time", help="Train as many epochs as fit in a time: 90s, 10m, 1h30m.")
@click.option(
    "--size", type=int, help="Side in pixels of the square the network sees. Default: by the pictures."
)
@click.option(
    "--fit",
    type=OneOf(["crop", "squash", "pad"]),
    default="crop",
    show_default=True,
    help="How a picture becomes square: by its middle, by squashing it, or by filling up with the mean colour.",
)
@click.option(
    "--depth",
    type=int,
    help="Bits a value is kept in, 8 or 16. Default: 16 where every picture looked at has more than 8.",
)
@click.option(
    "--augment",
    type=OneOf(AUGMENTATIONS),
    help="digits: shifts; small-photos: shifts, mirroring; photos: crops, mirroring, colours; medical: small turns, "
    "brightness; aerial: turns by right angles, colours; strong: crops, mirroring, TrivialAugment, erasing. "
    "Default: digits for grey pictures, small-photos under 64 pixels, else photos.",
)
@click.option(
    "--erasing", type=float, help="Share of the pictures that get a box of noise. Default: by --augment."
)
@click.option(
    "--mixup",
    type=float,
    default=0,
    show_default=True,
    help="Blend pictures in pairs, and their labels: alpha, such as 0.2.",
)
@click.option(
    "--cutmix",
    type=float,
    default=0,
    show_default=True,
    help="Put a box of one picture into another: alpha, such as 1.",
)
@click.option("--batch", type=int, help="Pictures a step. Default: by the number of pictures.")
@click.option(
    "--optimizer",
    type=OneOf(["sgd", "momentum", "nesterov", "adagrad", "rmsprop", "adadelta", "adam", "adamw", "muon"]),
    help="muon is for the filters, with adamw for the rest. Default: nesterov, SGD with Nesterov momentum.",
)
@click.option("--lr", type=float, help="Peak learning rate. Default: by network, optimizer and batch.")
@click.option(
    "--patience",
    type=int,
    default=0,
    show_default=True,
    help="End after so many epochs without a better validation loss, and keep the best epoch's weights; 0: never.",
)
@click.option(
    "--val",
    is_flag=True,
    help="Hold a tenth of the training pictures out where there is no val/. So does --patience.",
)
@click.option(
    "--progressive",
    type=float,
    default=1,
    show_default=True,
    help="Share of the side that pictures start with and grow from, such as 0.5.",
)
@click.option("--momentum", type=float, help="Momentum, or beta 1 of adam and adamw. Default: by optimizer.")
@click.option("--weight-decay", type=float, help="Default: by optimizer. Norms and biases do not decay.")
@click.option(
    "--label-smoothing",
    type=float,
    help="Share of the target spread over all classes. Default: 0.1; of several labels, 0.",
)
@click.option(
    "--dropout",
    type=float,
    default=-1,
    help="Rate of the network's dropout layers. Default: the network's own.",
)
@click.option(
    "--no-calibrate",
    "calibrate",
    flag_value=False,
    default=True,
    help="Leave the probabilities as the network gives them.",
)
@click.option(
    "--class-weights",
    type=OneOf(["none", "balanced", "sqrt"]),
    help="How much more rare classes count in the loss: by frequency, or by its root. Default: none.",
)
@click.option(
    "--sampling",
    type=OneOf(["natural", "balanced"]),
    help="balanced: every class is drawn equally often. Default: natural, every picture once an epoch.",
)
@click.option(
    "--schedule",
    type=OneOf(["one-cycle", "cosine", "step", "constant", "plateau"]),
    default="one-cycle",
    show_default=True,
    help="How the learning rate goes. one-cycle: straight up, straight down; step: to a tenth at half and at three "
    "quarters; plateau: to a tenth where the loss no longer falls.",
)
@click.option(
    "--warmup",
    type=float,
    help="Share of the run in which the rate rises. Default: 0.2 of one-cycle, else 0.",
)
@click.option(
    "--plateau-patience", type=int, help="Epochs --schedule plateau waits for a better loss. Default: 3."
)
@click.option(
    "--layout",
    type=OneOf(["channels_last", "contiguous"]),
    help="Memory order of the weights. Default: what is quicker here, by some steps.",
)
@click.option(
    "--precision",
    type=OneOf(["fp32", "bf16", "fp16"]),
    help="Of convolutions and products in training. Default: what is quicker here, by some steps.",
)
@click.option(
    "--compile/--no-compile",
    default=None,
    help="Let torch.compile make the code of a step. Default: tried in a run of 20 minutes or more.",
)
@click.option(
    "--seed", type=int, default=0, show_default=True, help="Decides weights, order, augmentation and split."
)
@click.option(
    "--checkpoint-every",
    type=int,
    default=0,
    show_default=True,
    help="Steps between checkpoints; 0: at each epoch's end.",
)
@click.option(
    "--accumulate",
    type=int,
    default=1,
    show_default=True,
    help="Parts in which a batch goes through the network, to need less memory.",
)
@click.option(
    "--clip-norm", type=float, default=0, show_default=True, help="Longest gradient of a step; 0: any length."
)
@click.option(
    "--ema",
    type=float,
    default=0,
    show_default=True,
    help="Score and save a moving average of the weights: its decay, such as 0.999; 0: the last weights.",
)
@click.option(
    "--on-divergence",
    type=OneOf(["rollback", "stop"]),
    default="rollback",
    show_default=True,
    help="Where a number is no longer finite: go back with a lower rate, or stop.",
)
@click.option("--threads", type=int, default=4, show_default=True, help="Threads that decode pictures.")
@click.option(
    "--allow-bad", is_flag=True, help="Train on although more than 1 % of the pictures cannot be read."
)
@click.option(
    "--no-pack",
    "pack",
    flag_value=False,
    default=True,
    help="Decode pictures each time, and keep none decoded in the cache folder.",
)
@click.option(
    "--tensorboard",
    is_flag=True,
    help="Write TensorBoard's event files too, into tensorboard/ of the run folder.",
)
@click.option(
    "--sync-bn", is_flag=True, help="Batch norms see the pictures of all processes, not of their own."
)
@nproc_option
@device_option
@click.option("--out", type=click.Path(), help="Run folder, new or empty. Default: runs/<date>-<net>-<data>.")
@click.option(
    "--find-lr",
    is_flag=True,
    help="Do not train: try rising rates, at most 150 steps, suggest one, and write find-lr.html, or --out.",
)
@click.option(
    "--eject",
    type=OutputFile(".py"),
    help="Do not train, but write a plain PyTorch script that would, with the same losses: train.py.",
)
@click.option(
    "--dry-run", is_flag=True, help="Do not train, but say the steps, the memory and the time it would take."
)
@json_flag
@click.pass_obj
def command(
    argv: tuple[str, ...],
    /,
    data: str,
    out: str | None,
    eject: Path | None,
    dry_run: bool,
    nproc: int,
    as_json: bool,
    **settings: Any,
) -> None:
    """Train a network on DATA and write a run folder with its report.

    DATA is a folder of class folders of pictures, flat or below train/, val/ and test/; a .csv, .tsv or .jsonl table
    of files and labels; Parquet; NumPy arrays; an IDX or CIFAR folder; a .zip or .tar of any of these; WebDataset
    shards as a folder, a pattern 'train-{000..009}.tar' or an address; or 'fashion', the subset of Fashion-MNIST that
    comes with striate.

    Options may also be written as in lr=0.1.
    """
    find_lr = settings.pop("find_lr")
    _refuse_together({"--find-lr": find_lr, "--eject": eject, "--dry-run": dry_run}, nproc=nproc)
    asked = striate.Settings(**settings)
    if find_lr:
        _find_lr(data, Path(out or "find-lr.html"), as_json=as_json, settings=asked)
        return
    if dry_run:
        with showing() as progress:
            forecast = striate.dry_run(data, settings=asked, progress=progress)
        print_json(forecast.to_dict()) if as_json else print(forecast.text())
        return
    if eject is not None:
        with showing() as progress:
            path = striate.eject(data, eject, settings=asked, progress=progress)
        print_json({"script": str(path)}) if as_json else print(path)
        return
    if striate.launch(argv, nproc=nproc):
        return
    with showing() as progress:
        run = striate.train(data, settings=asked, out=out, progress=progress)
    print_run(run, as_json=as_json)


def _refuse_together(instead: Mapping[str, object], *, nproc: int) -> None:
    """Raise UsageError where two flags that take the place of training are given, or one beside several processes."""
    given = [flag for flag, value in instead.items() if value]
    if len(given) > 1:
        raise UsageError(f"{given[0]} and {given[1]} each take the place of training. Keep one.")
    if given and nproc > 1:
        raise UsageError(f"{given[0]} works in one process. Leave --nproc out.")


def _find_lr(data: str, page: Path, *, as_json: bool, settings: "striate.Settings") -> None:
    """Run the range test, write its page and print the command to train with."""
    page = OutputFile().convert(page / "find-lr.html" if page.is_dir() else page, None, None)
    with showing() as progress:
        test = striate.find_lr(data, settings=settings, progress=progress)
    page.write_text(test.html(), encoding="utf-8", errors="backslashreplace")
    if as_json:
        print_json({**test.to_dict(), "page": str(page)})
    else:
        print(f"lr      {test.lr:g}: a tenth of the rate at which the loss was least")
        print(f"page    {page}")
        print(f"train   {test.command}")
