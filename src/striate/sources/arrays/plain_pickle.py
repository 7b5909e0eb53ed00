"""Reading pickle files of plain values and byte arrays opcode by opcode, without importing or calling anything."""

import pickletools
from collections.abc import Callable
from enum import Enum
from pathlib import Path
from typing import Any

import numpy as np

from striate.errors import DataError


class Name(Enum):
    """Placeholders for the functions and types that a pickle may name, none of which is imported."""

    ENCODE = "encode"
    ARRAY = "array"
    NDARRAY = "ndarray"
    DTYPE = "dtype"


# The only names that are accepted.
NAMES = {
    "_codecs encode": Name.ENCODE,  # how Python 3 writes bytes for Python 2
    "numpy.core.multiarray _reconstruct": Name.ARRAY,
    "numpy._core.multiarray _reconstruct": Name.ARRAY,
    "numpy ndarray": Name.NDARRAY,
    "numpy dtype": Name.DTYPE,
}


class Unfinished:
    """An array or dtype whose state a later BUILD opcode sets; `value` is the array after that."""

    def __init__(self, kind: Name) -> None:
        self.kind = kind
        self.value: Any = None


class Unknown(Exception):
    """An opcode, name or call that is not supported; the text says which."""


def read_plain_pickle(path: Path) -> Any:
    """Return the value in a pickle file of protocol 2 or 3: dicts, lists, tuples, strings, integers and byte arrays.

    A string that Python 2 wrote becomes bytes, an array that NumPy wrote an array of uint8. Raises DataError for
    anything else; no code that a file names is ever run.
    """
    try:
        content = path.read_bytes()
        return _Reader().read(content)
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror}).") from error
    except Unknown as error:
        raise DataError(
            f"{path}: {error}, which a file of pictures does not need. Nothing in it was run."
        ) from error
    except (ValueError, TypeError, IndexError, KeyError, AttributeError, OverflowError) as error:
        raise DataError(f"{path}: not a whole pickle file. Fetch the file anew.") from error


class _Reader:
    """A pickle machine: its stack, the marks on it and its memo."""

    def __init__(self) -> None:
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: dict[int, Any] = {}

    def read(self, content: bytes) -> Any:
        for opcode, argument, _ in pickletools.genops(content):
            if opcode.name == "STOP":
                return _finished(self.stack.pop())
            if (act := _ACTS.get(opcode.name)) is None:
                raise Unknown(f"it has the instruction {opcode.name}")
            act(self, argument)
        raise ValueError("no STOP")

    def push(self, value: Any) -> None:
        self.stack.append(value)

    def mark(self, _: Any) -> None:
        self.marks.append(len(self.stack))

    def marked(self) -> list[Any]:
        """Pop and return the values above the last mark."""
        start = self.marks.pop()
        values = [_finished(value) for value in self.stack[start:]]
        del self.stack[start:]
        return values

    def put(self, index: int) -> None:
        self.memo[index] = self.stack[-1]

    def tuple_of(self, count: int) -> None:
        values = tuple(_finished(value) for value in self.stack[len(self.stack) - count :])
        del self.stack[len(self.stack) - count :]
        self.push(values)

    def set_items(self, pairs: list[Any]) -> None:
        target = self.stack[-1]
        if not isinstance(target, dict) or len(pairs) % 2:
            raise ValueError("items of no dict")
        target.update(zip(pairs[::2], pairs[1::2], strict=True))

    def append(self, values: list[Any]) -> None:
        if not isinstance(self.stack[-1], list):
            raise ValueError("items of no list")
        self.stack[-1].extend(values)

    def pop_two(self) -> list[Any]:
        return [_finished(value) for value in (self.stack.pop(-2), self.stack.pop())]

    def name(self, argument: str) -> None:
        if argument not in NAMES:
            raise Unknown(f"it names '{argument.replace(' ', '.')}'")
        self.push(NAMES[argument])

    def reduce(self, _: Any) -> None:
        arguments, function = self.stack.pop(), self.stack.pop()
        if not isinstance(function, Name) or not isinstance(arguments, tuple):
            raise ValueError("a call of no name")
        if function == Name.ENCODE and arguments[1:] == ("latin1",):
            self.push(arguments[0].encode("latin1"))
        elif function == Name.DTYPE and arguments[0] in ("u1", b"u1", "uint8", b"uint8"):
            self.push(Unfinished(Name.DTYPE))
        elif function == Name.ARRAY and arguments[0] == Name.NDARRAY:
            self.push(Unfinished(Name.ARRAY))
        else:
            raise Unknown(
                f"it makes something else than an array of bytes ({function.value} of {arguments!a:.40})"
            )

    def build(self, _: Any) -> None:
        state, target = self.stack.pop(), self.stack[-1]
        if not isinstance(target, Unfinished):
            raise ValueError("a state of no array")
        if target.kind == Name.ARRAY:
            _, shape, kind, by_columns, content = state
            if not isinstance(kind, Unfinished) or kind.kind != Name.DTYPE:
                raise ValueError("an array of no type")
            target.value = np.frombuffer(content, np.uint8).reshape(shape, order="F" if by_columns else "C")


def _finished(value: Any) -> Any:
    """Return the array of an Unfinished array, and any other value as it is."""
    return value.value if isinstance(value, Unfinished) and value.kind == Name.ARRAY else value


# Opcode -> its action, given the reader and the opcode's argument.
_ACTS: dict[str, Callable[[_Reader, Any], None]] = {
    "PROTO": lambda reader, _: None,
    "MARK": _Reader.mark,
    "NONE": lambda reader, _: reader.push(None),
    "NEWTRUE": lambda reader, _: reader.push(True),
    "NEWFALSE": lambda reader, _: reader.push(False),
    **dict.fromkeys(("BININT", "BININT1", "BININT2", "LONG1"), _Reader.push),
    **dict.fromkeys(("BINUNICODE", "BINBYTES", "SHORT_BINBYTES"), _Reader.push),
    **dict.fromkeys(
        ("BINSTRING", "SHORT_BINSTRING"),
        lambda reader, text: reader.push(text.encode("latin1")),
    ),
    "EMPTY_LIST": lambda reader, _: reader.push([]),
    "EMPTY_DICT": lambda reader, _: reader.push({}),
    "EMPTY_TUPLE": lambda reader, _: reader.push(()),
    "TUPLE": lambda reader, _: reader.push(tuple(reader.marked())),
    "TUPLE1": lambda reader, _: reader.tuple_of(1),
    "TUPLE2": lambda reader, _: reader.tuple_of(2),
    "TUPLE3": lambda reader, _: reader.tuple_of(3),
    "APPEND": lambda reader, _: reader.append([_finished(reader.stack.pop())]),
    "APPENDS": lambda reader, _: reader.append(reader.marked()),
    "SETITEM": lambda reader, _: reader.set_items(reader.pop_two()),
    "SETITEMS": lambda reader, _: reader.set_items(reader.marked()),
    **dict.fromkeys(("BINPUT", "LONG_BINPUT"), _Reader.put),
    **dict.fromkeys(("BINGET", "LONG_BINGET"), lambda reader, index: reader.push(reader.memo[index])),
    "GLOBAL": _Reader.name,
    "REDUCE": _Reader.reduce,
    "BUILD": _Reader.build,
}
