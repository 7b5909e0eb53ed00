"""The recipe: everything that decides the result of a run, resolved, with no default left out."""

import tomllib
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import tomli_w

from striate.data.augment import PRESETS
from striate.errors import DataError, UsageError, unknown
from striate.training.optim import OPTIMIZERS
from striate.training.schedule import SCHEDULES

# Raised when a run folder changes so that older versions cannot read it.
FORMAT = 1


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """The resolved settings of a run, as recipe.toml holds them.

    `net` is a name of the catalogue or a spec; `size` is (height, width); `mean` and `std` are per channel in 0..1;
    `lr` is the peak of the schedule; `checkpoint_every` counts steps, 0 means at the end of each epoch.
    """

    data: str
    net: str
    size: tuple[int, int]
    channels: int
    fit: str
    mean: tuple[float, ...]
    std: tuple[float, ...]
    augment: str
    epochs: int
    batch: int
    optimizer: str
    lr: float
    momentum: float
    weight_decay: float
    label_smoothing: float
    schedule: str
    seed: int
    checkpoint_every: int

    def __post_init__(self) -> None:
        check(self.augment, "augmentation", PRESETS)
        check(self.optimizer, "optimizer", OPTIMIZERS)
        check(self.schedule, "schedule", SCHEDULES)
        for name, least in {
            "epochs": 1,
            "batch": 1,
            "lr": 0,
            "weight_decay": 0,
            "checkpoint_every": 0,
        }.items():
            if getattr(self, name) < least:
                raise UsageError(f"{name} is {getattr(self, name)}; it must be at least {least}.")
        if min(self.size) < 1:
            raise UsageError(f"size is {self.size[0]}x{self.size[1]}; both sides must be at least 1.")

    def save(self, path: Path) -> None:
        """Write recipe.toml."""
        path.write_text(tomli_w.dumps({"format": FORMAT, **asdict(self)}), encoding="utf-8")


def load_recipe(path: Path) -> Recipe:
    """Read recipe.toml; raises DataError where it is missing, broken or from a newer version."""
    values = read_toml(path)
    known = {field.name for field in fields(Recipe)}
    if missing := sorted(known - values.keys()):
        raise DataError(f"{path}: '{missing[0]}' is missing. The file is not whole; restore it from a copy.")
    settings: dict[str, Any] = {name: values[name] for name in known}
    return Recipe(**{name: tuple(v) if isinstance(v, list) else v for name, v in settings.items()})


def read_toml(path: Path) -> dict[str, Any]:
    """Return the values of recipe.toml; raises DataError where this version cannot read it."""
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise DataError(f"{path.parent}: not a run folder (it has no {path.name}).") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: not readable as TOML ({error}).") from error
    if values.get("format", 0) > FORMAT:
        raise DataError(
            f"{path.parent}: written by a newer striate (run format {values['format']}; this version reads up to "
            f"{FORMAT}). Upgrade with: pip install -U striate"
        )
    return values


def check(name: str, kind: str, known: Any) -> None:
    """Raise UsageError where a name is not among those known."""
    if name not in known:
        raise unknown(kind, name, known)
