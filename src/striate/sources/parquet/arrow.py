"""Reading Parquet files with pyarrow: their columns as a table, and the pictures embedded in them."""

import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from errno import EIO, ENODATA
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from striate.errors import DataError
from striate.sources.naming import SPLITS
from striate.sources.parquet.hugging_face import class_names, features_of, kind_of, named_cells
from striate.sources.parquet.parquet import ParquetFile
from striate.sources.source import Pictures, Source, stamp_of
from striate.sources.tables.columns import Roles, roles_of
from striate.sources.tables.labels import in_order, targets_of
from striate.sources.tables.listing import Part, TableRows, listed_source
from striate.sources.tables.table import Cell, TextTable, cell_of
from striate.sources.targets.kind import settled

# Decoded row groups to cache: at least two, since threads that read in order work in one group and the next, and more
# while they take no more than HELD_BYTES together.
HELD = 2
HELD_BYTES = 128 * 2**20
# Names of binary columns that are taken for pictures, with or without Hugging Face's metadata.
EMBEDDED = ("image", "img", "picture", "image_bytes", "bytes", "jpg", "png")


@dataclass(frozen=True)
class FileColumns:
    """What the columns of some Parquet files hold: `embedded` is the column of embedded pictures, '' if there is none.

    `names` maps a column of class indices to its class names in each file, empty for a file that does not have any.
    """

    embedded: str
    roles: Roles
    names: Mapping[str, Sequence[Sequence[str]]]

    def names_of(self, column: str, place: int) -> Sequence[str]:
        """Return the class names of a column in the file at `place`, or else in the first file that has any."""
        named = self.names.get(column)
        return [] if named is None else named[place] or next(filter(None, named))


class Groups:
    """The embedded pictures of some Parquet files, by row number counted through all files.

    Parquet compresses the rows of a row group together, so one row is read by decoding its whole group; the groups used
    last are cached.
    """

    def __init__(self, root: Path, files: Sequence[Path], column: str) -> None:
        self.files = files
        self.column = column
        self.names = [
            str(file.relative_to(root).with_suffix("")) if file != root else file.stem for file in files
        ]
        metadata = [pq.read_metadata(file) for file in files]
        counts = [[data.row_group(i).num_rows for i in range(data.num_row_groups)] for data in metadata]
        self.file_starts = np.cumsum([0, *(sum(rows) for rows in counts)])
        self.group_starts = np.cumsum([0, *(row for rows in counts for row in rows)])
        self.groups = [(file, group) for file, rows in enumerate(counts) for group in range(len(rows))]
        self._held: OrderedDict[int, Any] = OrderedDict()
        self._lock = threading.Lock()

    def place(self, row: int) -> tuple[int, int]:
        """Return the index of a row's file, and the row's number in that file."""
        file = int(np.searchsorted(self.file_starts, row, side="right")) - 1
        return file, row - int(self.file_starts[file])

    def read(self, row: int) -> bytes:
        """Return the encoded picture in a row; raises OSError where the row holds none or cannot be decoded."""
        group = int(np.searchsorted(self.group_starts, row, side="right")) - 1
        cell = self._decoded(group)[row - int(self.group_starts[group])].as_py()
        content = cell.get("bytes") if isinstance(cell, dict) else cell
        if content is None:
            raise OSError(ENODATA, "the row holds no picture")
        return bytes(content)

    def _decoded(self, group: int) -> Any:
        """Return the picture column of a row group, from the cache or decoded under a lock."""
        with self._lock:
            if group not in self._held:
                while len(self._held) >= HELD and sum(g.nbytes for g in self._held.values()) > HELD_BYTES:
                    self._held.popitem(last=False)
                self._held[group] = self._decode(*self.groups[group])
            self._held.move_to_end(group)
            return self._held[group]

    def _decode(self, file: int, group: int) -> Any:
        try:
            with pq.ParquetFile(self.files[file]) as shard:
                kind = shard.schema_arrow.field(self.column).type
                wanted = f"{self.column}.bytes" if pa.types.is_struct(kind) else self.column
                return shard.read_row_group(group, columns=[wanted]).column(0)
        except (OSError, pa.ArrowException) as error:
            reason = str(error).splitlines()[0]
            raise OSError(EIO, f"its row group cannot be decoded ({reason})") from error


@dataclass(frozen=True)
class ParquetPictures:
    """Pictures embedded in Parquet files: their row numbers and their labels."""

    groups: Groups
    rows: NDArray[np.int64]
    labels: NDArray[Any]

    def __len__(self) -> int:
        return len(self.rows)

    def name(self, index: int) -> str:
        """Return the file's path without its suffix, and the row in it, such as train-00000/7."""
        file, row = self.groups.place(int(self.rows[index]))
        return f"{self.groups.names[file]}/{row}"

    def stamp(self, index: int) -> int:
        """Return a hash of the file's size and modification time, and the row; may raise OSError."""
        file, row = self.groups.place(int(self.rows[index]))
        stat = self.groups.files[file].stat()
        return stamp_of(stat.st_size, stat.st_mtime_ns, row)

    def read(self, index: int) -> bytes:
        """Return the bytes of the embedded picture file; may raise OSError."""
        return self.groups.read(int(self.rows[index]))

    def subset(self, indices: NDArray[np.int64]) -> "ParquetPictures":
        """Return the pictures at these positions; the cache of row groups is shared."""
        return ParquetPictures(self.groups, self.rows[indices], self.labels[indices])


def open_shards(root: Path, shards: Sequence[ParquetFile], notes: Sequence[str]) -> Source:
    """Return the pictures embedded in Parquet files or, where there are none, those whose paths their rows list.

    Raises DataError where a file cannot be read, or its columns do not tell what the labels are.
    """
    schemas = [_schema(shard.path) for shard in shards]
    sheet = _sheet(shards[0].path, schemas)
    _refuse_others([shard.path for shard in shards], schemas, sheet)
    parts = [
        Part(_table(shard.path, place, schemas[place], sheet), shard.split)
        for place, shard in enumerate(shards)
    ]
    if not sheet.embedded:
        return listed_source(root, "Parquet table", parts, sheet.roles, notes=notes)
    rows = TableRows(root, parts)
    splits, said = rows.splits(sheet.roles.split, [])
    columns = {name: rows.column(name) for name in sheet.roles.learned}
    targets = targets_of(columns, sheet.roles, place=rows.place)
    if named := sheet.names.get(sheet.roles.learned[0]):
        names = dict.fromkeys(chain.from_iterable(named))
        targets = in_order(targets, [*names, *(name for name in targets.classes if name not in names)])
    if splits and not len(targets.rows):
        learned = ", ".join(sheet.roles.learned)
        raise DataError(f"{root}: none of its {len(splits)} rows has a label in column {learned}.")
    if blank := len(splits) - len(targets.rows):
        bare = sorted(set(splits) - {splits[row] for row in targets.rows.tolist()})
        among = f", among them all of {' and '.join(bare)}" if bare else ""
        said.append(f"left out as without a label: {blank} rows{among}")
    groups = Groups(root, [shard.path for shard in shards], sheet.embedded)
    mine = np.array([splits[row] for row in targets.rows.tolist()], object)
    pictures: dict[str, Pictures] = {
        split: ParquetPictures(groups, targets.rows[mine == split], targets.labels[mine == split])
        for split in SPLITS
        if (mine == split).any()
    }
    if unused := [name for name in sheet.names if name not in columns]:
        said.append(f"columns not used: {', '.join(unused)}")
    told = (*notes, *rows.notes, *targets.notes, *said)
    return settled(Source(root, "Parquet", targets.classes, pictures, told, targets.task))


def _sheet(path: Path, schemas: Sequence[Any]) -> FileColumns:
    """Infer from the first file what the columns hold, by Hugging Face's metadata or by names and types."""
    schema, words = schemas[0], [features_of(schema) for schema in schemas]
    embedded = [
        field.name for field in schema if kind_of(words[0].get(field.name)) == "Image" or _holds_bytes(field)
    ]
    named = {name: [class_names(each.get(name)) for each in words] for name in schema.names}
    names = {name: found for name, found in named.items() if any(found)}
    others = [name for name in schema.names if name not in embedded[:1]]
    known = roles_of(["image", *others] if embedded else schema.names)
    if names and (known is None or known.kind == "rest"):
        known = Roles("image", "class", (next(iter(names)),), known.split if known else "")
    if known is None:
        raise DataError(
            f"{path}: no column for the picture, or none to learn. It has: {', '.join(schema.names)}. "
            "Wanted: columns such as image and label."
        )
    first = schema.field(known.learned[0]).type
    if known.learned[0] in names:
        known = replace(known, kind="class")
    elif pa.types.is_floating(first) and (known.kind != "rest" or len(known.learned) == 1):
        known = replace(known, kind="numbers")
    return FileColumns(embedded[0] if embedded else "", known, names)


def _schema(path: Path) -> Any:
    try:
        return pq.read_schema(path)
    except (OSError, pa.ArrowException) as error:
        reason = str(error).splitlines()[0]
        raise DataError(f"{path}: cannot be read as Parquet ({reason}) Fetch the file anew.") from error


def _refuse_others(paths: Sequence[Path], schemas: Sequence[Any], sheet: FileColumns) -> None:
    """Raise DataError where a file lacks a column, the file column is no path, or texts and numbers are mixed."""
    used = (sheet.embedded or sheet.roles.file, *sheet.roles.used[1:])
    for path, schema in zip(paths, schemas, strict=True):
        if lacking := [name for name in used if name not in schema.names]:
            raise DataError(f"{path}: column {lacking[0]}, which {paths[0].name} has, is missing.")
    listed = schemas[0].field(sheet.roles.file).type if not sheet.embedded else pa.string()
    if not (_is_text(listed) or pa.types.is_integer(listed)):
        raise DataError(
            f"{paths[0]}: column {sheet.roles.file} holds {str(listed)[:60]}. "
            "Wanted: the bytes of picture files, or their paths."
        )
    for name in sheet.roles.learned:
        kinds = [_item(schema.field(name).type) for schema in schemas]
        texts = {
            _is_text(kind): path
            for kind, path in zip(kinds, paths, strict=True)
            if not pa.types.is_null(kind)
        }
        if len(texts) == 2 and name not in sheet.names:
            raise DataError(
                f"{texts[True]}: column {name} holds texts, and numbers in {texts[False].name}. Make them one kind."
            )


def _table(path: Path, place: int, schema: Any, sheet: FileColumns) -> TextTable:
    """Return the used columns of a file, without embedded pictures; class indices become class names."""
    used = sheet.roles.used[1:] if sheet.embedded else sheet.roles.used
    try:
        read = pq.read_table(path, columns=list(used))
    except (OSError, pa.ArrowException) as error:
        reason = str(error).splitlines()[0]
        raise DataError(f"{path}: cannot be read as Parquet ({reason}) Fetch the file anew.") from error
    try:
        columns = {
            name: _cells(name, read.column(name).to_pylist(), sheet.names_of(name, place)) for name in used
        }
    except DataError as error:
        raise DataError(f"{path}: {error}") from error
    notes = [
        f"{path.name} has no class names for {name}, so those of another file are taken"
        for name in used
        if name in sheet.names and not sheet.names[name][place] and _is_number(schema.field(name).type)
    ]
    return TextTable(path, columns, range(read.num_rows), tuple(notes))


def _cells(column: str, values: Sequence[Any], names: Sequence[str]) -> Sequence[Cell]:
    return named_cells(values, names, column=column) if names else [cell_of(value) for value in values]


def _is_text(kind: Any) -> bool:
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _is_number(kind: Any) -> bool:
    """Say whether a column may hold numbers, or lists of them."""
    return not (_is_text(_item(kind)) or pa.types.is_null(_item(kind)))


def _item(kind: Any) -> Any:
    """Return the item type of a list type, and any other type as it is."""
    return kind.value_type if pa.types.is_list(kind) or pa.types.is_large_list(kind) else kind


def _holds_bytes(field: Any) -> bool:
    """Say whether a column holds picture files: structs with `bytes`, or binary values under a name of EMBEDDED."""
    if pa.types.is_struct(field.type):
        return "bytes" in [inner.name for inner in field.type]
    binary = pa.types.is_binary(field.type) or pa.types.is_large_binary(field.type)
    return binary and field.name.lower() in EMBEDDED
