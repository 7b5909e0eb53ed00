"""data.json: what a run read, picture by picture, and what it left out."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from striate.data.pictures import Pictures, Source
from striate.data.place import absolute
from striate.data.store import Bad, Store
from striate.errors import DataError


@dataclass(frozen=True)
class Manifest:
    """The pictures of each split by name, with the digest of each one's content, and those left out with the reason."""

    root: str
    format: str
    splits: Mapping[str, Mapping[str, str]]
    counts: Mapping[str, Mapping[str, int]]
    quarantined: tuple[Bad, ...] = ()
    notes: tuple[str, ...] = ()

    def save(self, path: Path) -> None:
        """Write data.json."""
        values = {
            "root": self.root,
            "format": self.format,
            "counts": self.counts,
            "quarantined": [{"file": bad.name, "reason": bad.reason} for bad in self.quarantined],
            "notes": list(self.notes),
            "splits": self.splits,
        }
        path.write_text(json.dumps(values, ensure_ascii=True, indent=1), encoding="utf-8")


def manifest_of(source: Source, stores: Mapping[str, Store]) -> Manifest:
    """Return the manifest of a data set as it was read into stores."""
    return Manifest(
        root=absolute(source.root),
        format=source.format,
        splits={split: dict(zip(s.names, s.digests, strict=True)) for split, s in stores.items()},
        counts={split: _per_class(source.classes, store) for split, store in stores.items()},
        quarantined=tuple(bad for store in stores.values() for bad in store.bad),
        notes=tuple(source.notes),
    )


def load_manifest(path: Path) -> Manifest:
    """Read data.json; raises DataError where it is missing or broken."""
    try:
        values: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        bad = tuple(Bad(entry["file"], entry["reason"]) for entry in values["quarantined"])
        return Manifest(
            values["root"], values["format"], values["splits"], values["counts"], bad, tuple(values["notes"])
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{path}: not readable ({error!r}). Restore it from a copy of the run.") from error


def listed_pictures(source: Source, manifest: Manifest, split: str) -> Pictures:
    """Return the pictures a manifest lists for a split, in its order; raises DataError where one is gone."""
    wanted = manifest.splits[split]
    if not wanted:
        return next(iter(source.splits.values())).subset(np.array([], np.int64))
    for pictures in source.splits.values():
        place = {pictures.name(i): i for i in range(len(pictures))}
        if found := [place[name] for name in wanted if name in place]:
            if len(found) < len(wanted):
                lost = next(name for name in wanted if name not in place)
                raise DataError(
                    f"{source.root}: {len(wanted) - len(found)} of the {len(wanted)} {split} pictures of the run are "
                    f"gone, the first of them {lost}. Put them back; a run goes on only with the same pictures."
                )
            return pictures.subset(np.array(found, np.int64))
    raise DataError(
        f"{source.root}: none of the {split} pictures of the run are there. Is it the same data set?"
    )


def refuse_changed(manifest: Manifest, split: str, store: Store) -> None:
    """Raise DataError where a picture's content is not what the manifest says."""
    wanted = manifest.splits[split]
    now = dict(zip(store.names, store.digests, strict=True))
    if changed := [name for name, digest in wanted.items() if now.get(name) != digest]:
        raise DataError(
            f"{manifest.root}: {len(changed)} of the {len(wanted)} {split} pictures have changed since the run began, "
            f"the first of them {changed[0]}. Put them back; a run goes on only with the same pictures."
        )


def _per_class(classes: tuple[str, ...], store: Store) -> dict[str, int]:
    counts = np.bincount(store.labels.numpy(), minlength=len(classes)).tolist()
    return dict(zip(classes, counts, strict=True))
