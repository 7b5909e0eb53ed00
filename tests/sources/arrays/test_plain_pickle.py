import os
import pickle
import pickletools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from striate.errors import DataError
from striate.sources.arrays.plain_pickle import read_plain_pickle


def read(folder: Path, content: bytes) -> Any:
    (folder / "batch").write_bytes(content)
    return read_plain_pickle(folder / "batch")


def refusal(folder: Path, content: bytes) -> str:
    with pytest.raises(DataError) as caught:
        read(folder, content)
    return str(caught.value)


def python_2_array(array: NDArray[np.uint8]) -> bytes:
    """Return the instructions, without PROTO and STOP, by which Python 2 and its numpy write an array of bytes."""
    rows, columns = (n.to_bytes(4, "little") for n in array.shape)
    content = array.tobytes()
    return (
        b"cnumpy.core.multiarray\n_reconstruct\nq\x01cnumpy\nndarray\nq\x02K\x00\x85U\x01b\x87Rq\x03"
        b"(K\x01J" + rows + b"J" + columns + b"\x86cnumpy\ndtype\nq\x04U\x02u1K\x00K\x01\x87Rq\x05"
        b"(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
        b"\x89T" + len(content).to_bytes(4, "little") + content + b"tb"
    )


PLAIN = {
    "data": np.arange(12, dtype=np.uint8).reshape(3, 4),
    "labels": [0, 255, 256, 70_000, -1, 2**40, True, None],
    "filenames": [b"a.png", "고양이.png"],
    "pair": (1, (), [], {}, "x" * 300),
}


@pytest.mark.parametrize("protocol", [2, 3])
@pytest.mark.parametrize("shape", [np.ascontiguousarray, np.asfortranarray])
def test_what_python_writes_comes_back_as_pickle_has_it(
    tmp_path: Path, protocol: int, shape: Callable[[Any], Any]
) -> None:
    values = {**PLAIN, "data": shape(PLAIN["data"])}
    content = pickle.dumps(values, protocol)
    found, expected = read(tmp_path, content), pickle.loads(content)
    np.testing.assert_array_equal(found.pop("data"), expected.pop("data"))
    assert found == expected


def test_what_python_2_wrote_comes_back_with_its_strings_as_bytes(tmp_path: Path) -> None:
    array = np.arange(8, dtype=np.uint8).reshape(2, 4) + 248
    content = (
        b"\x80\x02}q\x00(U\x04data" + python_2_array(array) + b"U\x06labels](K\x00K\x09eU\x01\xe9]K\x07au."
    )
    found = read(tmp_path, content)
    expected = pickle.loads(content, encoding="bytes")
    np.testing.assert_array_equal(found.pop(b"data"), array)
    np.testing.assert_array_equal(expected.pop(b"data"), array)
    assert found == expected == {b"labels": [0, 9], b"\xe9": [7]}


class Call:
    """A pickle of this calls a function when it is loaded."""

    def __init__(self, function: Callable[..., Any], *arguments: Any) -> None:
        self.call = function, arguments

    def __reduce__(self) -> Any:
        return self.call


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_call_is_refused_and_never_made(tmp_path: Path, protocol: int) -> None:
    fired = tmp_path / "fired"
    content = pickle.dumps({"data": Call(os.system, f"touch {fired}")}, protocol)
    pickle.loads(content)
    assert fired.exists()  # the pickle does what it should not
    fired.unlink()
    what = {2: "it names 'posix.system'", 3: "it names 'posix.system'", 4: "it has the instruction FRAME"}
    what |= {0: "it has the instruction DICT", 1: what[2], 5: what[4]}
    assert refusal(tmp_path, content) == (
        f"{tmp_path}/batch: {what[protocol]}, which a file of pictures does not need. Nothing in it was run."
    )
    assert not fired.exists()


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (pickle.dumps({"a": 1}, 4), "it has the instruction FRAME"),
        (pickle.dumps(1.5, 2), "it has the instruction BINFLOAT"),
        (pickle.dumps({1, 2}, 3), "it names 'builtins.set'"),
        (pickle.dumps(Path("x"), 2), "it names 'pathlib.PosixPath'"),
        (pickle.dumps(np.zeros(2), 2), "it makes something else than an array of bytes (dtype of ('f8', False, True))"),
        (pickle.dumps(np.zeros(2, "S3"), 2), "it makes something else than an array of bytes "
         "(dtype of ('S3', False, True))"),
        (b"\x80\x02c_codecs\nencode\nX\x01\x00\x00\x00aX\x05\x00\x00\x00utf-8\x86R.", "it makes something else than "
         "an array of bytes (encode of ('a', 'utf-8'))"),
        (b"\x80\x02(ios\nsystem\n.", "it has the instruction INST"),
        (b"\x80\x02U\x02osP1\n.", "it has the instruction PERSID"),
        (b"\x80\x02\x82\x01.", "it has the instruction EXT1"),
        (b"\x80\x02cnumpy\nndarray\n)\x81.", "it has the instruction NEWOBJ"),
    ],
)  # fmt: skip
def test_anything_else_is_refused_by_its_name(tmp_path: Path, content: bytes, what: str) -> None:
    assert refusal(tmp_path, content) == (
        f"{tmp_path}/batch: {what}, which a file of pictures does not need. Nothing in it was run."
    )


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x80\x02",
        b"\x80\x02.",
        b"\x80\x02e.",
        b"\x80\x02]a.",
        b"\x80\x02h\x05.",
        b"\x80\x02K\x01K\x02s.",
        b"\x80\x02](K\x01u.",
        b"\x80\x02}(K\x01u.",
        b"\x80\x02}](K\x01eK\x01s.",
        b"\x80\x02K\x01K\x02R.",
        b"\x80\x02cnumpy\ndtype\n)R.",
        b"\x80\x02K\x01}b.",
        b"<html>not found</html>",
    ],
)
def test_what_is_no_pickle_is_refused(tmp_path: Path, content: bytes) -> None:
    assert refusal(tmp_path, content) == f"{tmp_path}/batch: not a whole pickle file. Fetch the file anew."


def test_a_file_cut_short_or_changed_anywhere_is_read_or_refused_and_nothing_else(tmp_path: Path) -> None:
    content = pickle.dumps(PLAIN, 2)
    random = np.random.default_rng(0)
    ways = [content[:end] for end in range(0, len(content), 7)]
    for _ in range(300):
        changed = bytearray(content)
        changed[random.integers(len(content))] = random.integers(256)
        ways.append(bytes(changed))
    refused = 0
    for way in ways:
        try:
            read(tmp_path, way)
        except DataError:
            refused += 1
    assert refused > 100


def test_the_instructions_that_are_read_are_few() -> None:
    known = {opcode.name for opcode in pickletools.opcodes}
    from striate.sources.arrays import plain_pickle  # noqa: PLC0415

    assert known > plain_pickle._ACTS.keys()
    assert not plain_pickle._ACTS.keys() & {
        *(
            "INST",
            "OBJ",
            "NEWOBJ",
            "NEWOBJ_EX",
            "STACK_GLOBAL",
            "EXT1",
            "EXT2",
            "EXT4",
            "PERSID",
            "BINPERSID",
        ),
    }
