"""data.json: what a run read, picture by picture, and what it left out."""

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import numpy as np
from numpy.typing import NDArray

from striate.data.audit.audit import Audit
from striate.data.draw import ids_of, places_of
from striate.data.store.store import Bad, Store
from striate.errors import DataError
from striate.host.durable import writing
from striate.sources.names import Names
from striate.sources.place import absolute
from striate.sources.source import Pictures, Source, names_of
from striate.sources.targets.kind import TARGET_KINDS


@dataclass(frozen=True, eq=False)
class Listed:
    """The pictures of a split by name, and the digest (N, 16) of each one's content."""

    names: Names
    digests: NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.names)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Listed):
            return NotImplemented
        return self.names == other.names and np.array_equal(self.digests, other.digests)

    __hash__ = None  # type: ignore[assignment]


@dataclass(frozen=True)
class Manifest:
    """The pictures of each split, and those left out with the reason.

    `counts` says for each split how many pictures have each class, label or target; `audit` is what `striate check`
    says, None for pixels that were never encoded.
    """

    root: str
    format: str
    splits: Mapping[str, Listed]
    counts: Mapping[str, Mapping[str, int]]
    quarantined: tuple[Bad, ...] = ()
    notes: tuple[str, ...] = ()
    audit: Mapping[str, Any] | None = None

    def save(self, path: Path) -> None:
        """Write data.json, whole or not at all; may raise OSError."""
        values = {
            "root": self.root,
            "format": self.format,
            "counts": self.counts,
            "quarantined": [{"file": bad.name, "reason": bad.reason} for bad in self.quarantined],
            "notes": list(self.notes),
            "audit": self.audit,
        }
        # Line by line, since a dict of a million pictures would take half a gigabyte.
        with writing(path) as binary:
            file = io.TextIOWrapper(binary, encoding="utf-8")
            file.write(json.dumps(values, indent=1)[:-2] + ',\n "splits": {')
            for number, (split, listed) in enumerate(self.splits.items()):
                file.write(("," if number else "") + f"\n  {json.dumps(split)}: {{")
                _write_listed(file, listed)
                file.write("\n  }")
            file.write("\n }\n}\n")
            file.detach()  # flushes it; who opened the file closes it once it is on the disk


def manifest_of(source: Source, stores: Mapping[str, Store], found: Audit | None = None) -> Manifest:
    """Return the manifest of a data set as it was read into stores, with its audit."""
    return Manifest(
        root=absolute(source.root),
        format=source.format,
        splits={split: Listed(store.names, store.digests) for split, store in stores.items()},
        counts={split: _per_name(source, store) for split, store in stores.items()},
        quarantined=tuple(bad for store in stores.values() for bad in store.bad),
        notes=tuple(source.notes),
        audit=None if found is None else found.as_json(),
    )


def load_manifest(path: Path) -> Manifest:
    """Read data.json; raises DataError where it is missing or broken."""
    try:
        values: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        bad = tuple(Bad(entry["file"], entry["reason"]) for entry in values["quarantined"])
        splits = {split: _listed(pictures) for split, pictures in values["splits"].items()}
        return Manifest(
            values["root"],
            values["format"],
            splits,
            values["counts"],
            bad,
            tuple(values["notes"]),
            values.get("audit"),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{path}: not readable ({error!r}). Restore it from a copy of the run.") from error


def listed_pictures(source: Source, manifest: Manifest, split: str) -> Pictures:
    """Return the pictures a manifest lists for a split, in its order; raises DataError where one is gone."""
    wanted = manifest.splits[split].names
    ids = ids_of(wanted)
    for pictures in source.splits.values():
        places = places_of(ids, ids_of(names_of(pictures)))
        found = places >= 0
        if found.all():
            return pictures.subset(places)
        if found.any():
            raise DataError(
                f"{source.root}: {len(ids) - found.sum()} of the {len(ids)} {split} pictures of the run are "
                f"gone, the first of them {wanted[int(found.argmin())]}. Put them back; a run goes on only with the "
                "same pictures."
            )
    raise DataError(
        f"{source.root}: none of the {split} pictures of the run are there. Is it the same data set?"
    )


def refuse_changed(manifest: Manifest, split: str, store: Store) -> None:
    """Raise DataError where a picture's content is not what the manifest says."""
    wanted = manifest.splits[split]
    if wanted.names == store.names and np.array_equal(wanted.digests, store.digests):
        return
    now = {name: digest.tobytes() for name, digest in zip(store.names, store.digests, strict=True)}
    pairs = zip(wanted.names, wanted.digests, strict=True)
    changed = [name for name, digest in pairs if now.get(name) != digest.tobytes()]
    raise DataError(
        f"{manifest.root}: {len(changed)} of the {len(wanted)} {split} pictures have changed since the run began, "
        f"the first of them {changed[0]}. Put them back; a run goes on only with the same pictures."
    )


def _write_listed(file: TextIO, listed: Listed) -> None:
    """Write a split as `"name": "digest in hexadecimal"` lines."""
    for number, (name, digest) in enumerate(zip(listed.names, listed.digests, strict=True)):
        file.write(("," if number else "") + f'\n   {json.dumps(name)}: "{digest.tobytes().hex()}"')


def _listed(pictures: Mapping[str, str]) -> Listed:
    """Return a split as data.json has it; raises ValueError for what is no digest."""
    digests = b"".join(map(bytes.fromhex, pictures.values()))
    return Listed(Names(pictures), np.frombuffer(digests, np.uint8).reshape(-1, 16))


def _per_name(source: Source, store: Store) -> dict[str, int]:
    return dict(
        zip(
            source.classes,
            TARGET_KINDS[source.task].counts(store.labels.numpy(), len(source.classes)),
            strict=True,
        )
    )
