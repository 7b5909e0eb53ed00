"""`striate.eject`: the training of a data set as a plain PyTorch script."""

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import torch
from jinja2 import Environment, PackageLoader, StrictUndefined

from striate.data.augment.augment import Augment
from striate.errors import UsageError
from striate.host.durable import storage_errors, write_file
from striate.learning.schedule import WARM_UP
from striate.nets.catalog.catalog import CATALOG
from striate.nets.own_code import absolute_name, accepted, in_file, is_in_file, is_kept
from striate.preparing.forecast import prepare_in_time
from striate.preparing.prepared import Prepared
from striate.preparing.settings import Settings
from striate.progress import Progress, Silent
from striate.runs.folder.recipe import LAYOUTS, Plan
from striate.ship.script import plain
from striate.ship.script.origin import ENDINGS, MODES, Origin, origin_of
from striate.sources.opening import BUNDLED
from striate.sources.source import Source
from striate.sources.targets.kind import TARGET_KINDS
from striate.spec import is_spec, to_python
from striate.tasks.task import AUXILIARY_WEIGHT

# What the first line of every script contains, by which striate knows its own.
MARK = b"Written by striate."
# Optimizer -> how the script makes it, beta 1 of Adam and AdamW being the momentum. Muon is striate's own.
OPTIMIZERS = {
    "sgd": "torch.optim.SGD(groups, lr=PEAK_RATE, momentum={momentum}, fused=True)",
    "momentum": "torch.optim.SGD(groups, lr=PEAK_RATE, momentum={momentum}, fused=True)",
    "nesterov": "torch.optim.SGD(groups, lr=PEAK_RATE, momentum={momentum}, nesterov={nesterov}, fused=True)",
    "adagrad": "torch.optim.Adagrad(groups, lr=PEAK_RATE, fused=True)",
    "rmsprop": "torch.optim.RMSprop(groups, lr=PEAK_RATE, alpha=0.9, momentum={momentum})",
    "adadelta": "torch.optim.Adadelta(groups, lr=PEAK_RATE, rho=0.95)",
    "adam": "torch.optim.Adam(groups, lr=PEAK_RATE, betas=({momentum}, 0.999), fused=True)",
    "adamw": "torch.optim.AdamW(groups, lr=PEAK_RATE, betas=({momentum}, 0.999), fused=True)",
}
SCHEDULES = {
    "one-cycle": plain.one_cycle,
    "cosine": plain.cosine,
    "step": plain.stairs,
    "constant": plain.constant,
}
# The settings of an augmentation that the script writes out; with any other it uses striate.Augment.
WRITTEN_OUT = ("shift", "flip")
# Settings of a plan that the script knows; any other must have its default, which asks for nothing.
KNOWN = (
    "epochs", "batch", "augment", "optimizer", "lr", "momentum", "weight_decay", "label_smoothing", "schedule",
    "layout", "checkpoint_every", "mixup", "cutmix", "class_weights", "sampling", "on_divergence", "calibrate",
    "precision", "compile",
)  # fmt: skip

# Import line -> pattern of what in the script needs it; blank ones separate groups.
IMPORTS = {
    "import gzip": r"\bgzip\.",
    "import math": r"\bmath\.",
    "import sys": r"\bsys\.",
    "from collections.abc import Iterator": r"\bIterator\[",
    "from hashlib import blake2b": r"\bblake2b\(",
    "from importlib import import_module": r"\bimport_module\(",
    "from pathlib import Path": r"\bPath\b",
    "": "",
    "import numpy as np": r"\bnp\.",
    "import torch": r"\btorch\.",
    "from numpy.typing import NDArray": r"\bNDArray\[",
    "from PIL import Image, ImageOps": r"\bImageOps\.",
    "from safetensors.torch import save_file": r"\bsave_file\(",
    "from torch import Tensor, nn": r"\bnn\.",
    "from torch import Tensor": r"",
    "from torch.nn import functional as F": r"\bF\.",
    " ": "",
    "import striate": r"\bstriate\.\w+\(",
}


def eject(
    data: str | Path | Source,
    path: str | Path,
    *,
    settings: Settings | None = None,
    progress: Progress | None = None,
) -> Path:
    """Write a plain PyTorch script that trains as `train` would, with the same losses, and return its path.

    The pictures are read for it, since their number, mean and size decide the settings; nothing is trained. Raises
    UsageError for what such a script cannot say: a Source made in Python, a network's own learning rule, and settings
    it does not know; and where another file stands than a script of striate.
    """
    if isinstance(data, Source):
        raise UsageError(
            "A data set made in Python cannot be ejected: a script has no way to open it. Give a path."
        )
    _refuse_another_file(Path(path))
    settings = settings or Settings()
    if settings.net is not None and is_kept(settings.net):
        raise UsageError(f"{settings.net} is kept code. Name the file itself, which the script is to import.")
    prepared = prepare_in_time(data, settings, progress or Silent())
    text = script(prepared, val=settings.val, net=settings.net)
    with storage_errors(Path(path), "try again."):
        write_file(Path(path), text.encode())
    return Path(path)


def _refuse_another_file(path: Path) -> None:
    """Raise UsageError where a file would be lost that striate did not write."""
    if path.exists() and MARK not in path.read_bytes().partition(b"\n")[0]:
        raise UsageError(f"{path}: there is a file already, and no script of striate's. Give another name.")


def script(prepared: Prepared, *, val: bool = False, net: str | None = None) -> str:
    """Return the script of a run that is about to start; `val` says whether some pictures were held out for it.

    `net` is the network as it was asked for, which says where the file of one's own stands.
    """
    _refuse_unknown(prepared)
    origin = origin_of(prepared)
    own = absolute_name(net) if net is not None and is_in_file(net) else None
    asked = own or prepared.recipe.net
    values = {**_facts(prepared, origin), **_data(prepared, origin, val, asked), **_learning(prepared, own)}
    template = Environment(
        loader=PackageLoader("striate.ship.script"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    ).get_template("train.py.jinja")
    body = template.render(**values, imports=())
    imports = [line.strip() for line, used in IMPORTS.items() if re.search(used, body)]
    if "from torch import Tensor, nn" in imports:
        imports.remove("from torch import Tensor")
    text = template.render(**values, imports=_tidy(imports))
    return re.sub(r"\n{4,}", "\n\n\n", text)


def _refuse_unknown(prepared: Prepared) -> None:
    """Raise UsageError for a network or a setting that the script cannot express."""
    recipe, plan = prepared.recipe, prepared.recipe.train
    if recipe.net in CATALOG and CATALOG[recipe.net].rule is not None:
        raise UsageError(f"{recipe.net} learns by its own rule, which cannot be ejected. Give another --net.")
    if recipe.weights and recipe.net not in CATALOG:
        raise UsageError(
            "A network that is not of the catalogue and starts from given weights cannot be ejected. "
            "Leave --weights out."
        )
    for name, known in (("optimizer", OPTIMIZERS), ("schedule", SCHEDULES), ("precision", ("fp32", "bf16"))):
        if (given := getattr(plan, name)) not in known:
            raise UsageError(f"The {name} '{given}' cannot be ejected. These can: {', '.join(known)}.")
    for field in fields(Plan):
        value = getattr(plan, field.name)
        usual = WARM_UP.get(plan.schedule, 0.0) if field.name == "warmup" else field.default
        if field.name not in KNOWN and value != usual:
            raise UsageError(f"{field.name} {value} cannot be ejected. Leave it out.")


def _facts(prepared: Prepared, origin: Origin) -> dict[str, Any]:
    """Return the template's values for the head of the script."""
    recipe = prepared.recipe
    place = str(BUNDLED.get(recipe.data, recipe.data))
    return {
        "net_name": _in_docstring(recipe.net),
        "data_name": _in_docstring(recipe.data),
        "data": place,
        "torch": torch.__version__,
        "origin": origin,
        "classes": prepared.classes,
        "plan": recipe.train,
        "seed": recipe.seed,
        "one_class": TARGET_KINDS[recipe.task].names_a_picture == "one",
        "watched": next((s for s in ("val", "test") if s in prepared.stores), ""),
    }


def _data(prepared: Prepared, origin: Origin, val: bool, net: str) -> dict[str, Any]:
    """Return the template's values for reading, augmenting and normalising pictures."""
    plan, preprocess = prepared.recipe.train, prepared.recipe.preprocess
    functions: list[Callable[..., Any]] = [plain.key, plain.mixed, plain.draw]
    constants, changes = [], []
    if origin.kind != "striate":
        functions += [plain.ids_of, plain.read_idx if origin.kind == "IDX" else plain.listed, plain.pixels]
        functions += [plain.split] if origin.divided else []
    if given := _given(plan.augment):
        if given.keys() <= set(WRITTEN_OUT):
            functions += [getattr(plain, {"shift": "shifted", "flip": "mirrored"}[name]) for name in given]
            changes += ["batch = mirrored(batch, own, SEED, epoch)"] if plan.augment.flip else []
            if plan.augment.shift:
                changes.append(f"batch = shifted(batch, own, {plan.augment.shift}, SEED, epoch)")
        else:
            changes.append("batch = CHANGED(batch, own, seed=SEED, epoch=epoch, size=SIZE)")
        if origin.kind == "striate" or given.keys() - set(WRITTEN_OUT):
            constants.append(f"CHANGED = striate.Augment({_arguments(given)})")
    elif origin.kind == "striate":
        constants.append("CHANGED = striate.Augment()")
    if plan.mixup or plan.cutmix:
        constants.append(
            f"MIX = striate.Mix(mixup={plan.mixup}, cutmix={plan.cutmix}, classes={len(prepared.classes)})"
        )
        changes.append("batch, answers = MIX(batch, answers, own, seed=SEED, epoch=epoch)")
    asked = {
        "net": net,
        "size": preprocess.size[0],
        "fit": preprocess.fit,
        "depth": preprocess.depth,
        "val": val,
    }
    return {
        "sources": [inspect.getsource(function).rstrip() for function in functions],
        "constants": constants,
        "changes": changes,
        "settings": f"{_arguments(asked)}, augment=CHANGED, seed=SEED, allow_bad=True",
        "size": preprocess.size,
        "mean": list(preprocess.mean),
        "std": list(preprocess.std),
        "mode": MODES.get(preprocess.channels, ""),
        "crop": preprocess.fit == "crop",
        "endings": ENDINGS,
        "order": torch_layout(plan.layout),
        "shallow": preprocess.depth == 8,
    }


def _learning(prepared: Prepared, own: str | None) -> dict[str, Any]:
    """Return the template's values for network, optimizer, schedule and loss."""
    recipe, plan = prepared.recipe, prepared.recipe.train
    heads = recipe.net in CATALOG and CATALOG[recipe.net].auxiliary > 0
    return {
        "network": _network(prepared, own),
        "optimizer": OPTIMIZERS[plan.optimizer].format(momentum=plan.momentum, nesterov=plan.momentum > 0),
        "schedule": inspect.getsource(SCHEDULES[plan.schedule]).rstrip(),
        "schedule_name": SCHEDULES[plan.schedule].__name__,
        "loss": prepared.task.loss_lines(),
        "heads": heads,
        **_forward(plan, heads=heads),
        "auxiliary": AUXILIARY_WEIGHT,
    }


def _network(prepared: Prepared, own: str | None) -> str:
    """Return the lines that make `net`: a spec as modules, one's `own` imported, one of the catalogue by its name."""
    recipe = prepared.recipe
    shape = recipe.preprocess.input
    seeded = "torch.manual_seed(SEED)\n"
    if is_spec(recipe.net):
        source = to_python(recipe.net, input=shape, num_classes=len(prepared.classes))
        classes, made = source.split("from torch import nn\n", 1)[1].split("\nnet = ", 1)
        return f"{classes.strip()}\n\n\n{seeded}net = {made}".strip()
    asked: dict[str, Any] = {"num_classes": len(prepared.classes), "in_channels": shape[0]}
    if own is not None:
        path, value = in_file(own)
        assert callable(value), "what the network was made with"
        name = own.rpartition(":")[2]
        return (
            f"sys.path.insert(0, {str(path.parent)!r})  # where the file of the network stands\n"
            f"{seeded}net = import_module({path.stem!r}).{name}({_arguments(accepted(value, asked))})"
        )
    asked |= {"weights": recipe.weights} if recipe.weights else {}
    return f"{seeded}net = striate.build({recipe.net!r}, {_arguments(asked)})"


def _forward(plan: Plan, *, heads: bool) -> dict[str, Any]:
    """Return the lines by which `images` go through the network, and the expression of what comes out in float32."""
    through = f"{'compiled' if plan.compile else 'net'}(images)"
    if plan.precision == "fp32":
        return {"forward": [], "outputs": through}
    return {
        "forward": ['with torch.autocast("cpu", torch.bfloat16):', f"    outputs = {through}"],
        "outputs": "[output.float() for output in outputs]" if heads else "outputs.float()",
    }


def torch_layout(layout: str) -> str:
    """Return what torch calls a layout of a recipe."""
    return str(LAYOUTS[layout]).removeprefix("torch.")


def _in_docstring(text: str) -> str:
    """Return a name in a form that is safe in a docstring."""
    plain_text = text if text.isprintable() else text.encode("unicode_escape").decode()
    return plain_text.replace("\\", "/").replace('"', "'")


def _given(augment: Augment) -> dict[str, Any]:
    """Return the settings of an augmentation that differ from their defaults."""
    nothing = Augment()
    return {f.name: v for f in fields(Augment) if (v := getattr(augment, f.name)) != getattr(nothing, f.name)}


def _arguments(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={value!r}" for name, value in values.items())


def _tidy(imports: Sequence[str]) -> list[str]:
    """Return the import lines, with one empty line between their groups."""
    text = re.sub(r"\n{3,}", "\n\n", "\n".join(imports)).strip()
    return text.split("\n")
