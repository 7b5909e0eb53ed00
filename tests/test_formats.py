"""The same pictures, in each form they come in, are the same to a network."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

import striate

Labelled = list[tuple[Path, str]]


def as_table(root: Path, pictures: Labelled) -> Path:
    rows = ["파일;라벨", *(f"{path};{label}" for path, label in pictures)]
    (root / "목록.csv").write_bytes("\r\n".join(rows).encode("cp949"))
    return root / "목록.csv"


def as_json_lines(root: Path, pictures: Labelled) -> Path:
    for number, (path, label) in enumerate(pictures):
        (root / f"{number}.png").write_bytes(path.read_bytes())
        with (root / "metadata.jsonl").open("a", encoding="utf-8") as file:
            file.write(f'{{"file_name": "{number}.png", "label": "{label}"}}\n')
    return root


def as_arrays(root: Path, pictures: Labelled) -> Path:
    images = np.stack([np.asarray(Image.open(path).convert("RGB")) for path, _ in pictures])
    np.savez(root / "a.npz", images=images / 255, labels=np.array([label for _, label in pictures]))
    return root / "a.npz"


def as_parquet(root: Path, pictures: Labelled) -> Path:
    columns: dict[str, Any] = {
        "image": [{"bytes": path.read_bytes(), "path": path.name} for path, _ in pictures],
        "label": [label for _, label in pictures],
    }
    pq.write_table(pa.table(columns), root / "a.parquet", row_group_size=7)
    return root / "a.parquet"


@pytest.mark.parametrize("store", [as_table, as_json_lines, as_arrays, as_parquet])
def test_a_run_scores_the_same_pictures_alike_in_whatever_form(
    tmp_path: Path, finished: Path, store: Callable[[Path, Labelled], Path]
) -> None:
    run = striate.open_run(finished)
    photos = Path(run.recipe.data)
    pictures = [(path, path.parent.name) for path in sorted(photos.rglob("*.png"))]
    (tmp_path / "set").mkdir()
    expected, found = run.evaluate(photos), run.evaluate(store(tmp_path / "set", pictures))
    assert found.confusion.tolist() == expected.confusion.tolist()
    assert found.loss == pytest.approx(expected.loss, rel=1e-5)


def test_a_run_on_a_table_is_scored_and_resumed_by_its_own_record(
    tmp_path: Path, photos: Path, striate: Callable[..., Any], flags: tuple[str, ...]
) -> None:
    path = as_table(photos, [(p.relative_to(photos), p.parent.name) for p in sorted(photos.rglob("*.png"))])
    trained = striate("train", path, *flags, "--out", "run")
    assert trained.code == 0, trained.err
    assert "note: 목록.csv is no UTF-8 and was read as cp949 (Korean Windows)" in trained.out + trained.err
    assert striate("eval", "run").code == 0
    path.unlink()
    gone = striate("eval", "run")
    assert (gone.code, gone.err.strip()) == (
        2,
        f"striate: {path}: the data set of the run is no longer there. "
        "If it has moved, say where: striate resume run --data DATA, or striate eval run DATA",
    )


def test_a_file_that_is_not_there_is_named(tmp_path: Path, striate: Callable[..., Any], flags: Any) -> None:
    answer = striate("train", "labels.csv", *flags)
    assert (answer.code, answer.err.strip()) == (2, "striate: labels.csv: no such file.")
