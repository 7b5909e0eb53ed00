"""What the scores of a task are called on a page, in English and in Korean: one row a task."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from striate.sources.targets.task_name import LABEL_SET, NUMBERS, ONE_CLASS, TaskName

Both = tuple[str, str]  # English, Korean


@dataclass(frozen=True)
class Words:
    """The caption of the curve of a task's metric and its text alternative; the metric; the scores that head a page.

    A headline is the name of a score in metrics.jsonl and what it is called.
    """

    curve: Both
    curve_alt: str
    metric: Both
    headlines: Sequence[tuple[str, Both]]


WORDS: Mapping[TaskName, Words] = {
    ONE_CLASS: Words(
        curve=("Accuracy in percent", "정확도 (%)"),
        curve_alt="Accuracy over epochs · 에포크별 정확도",
        metric=("Accuracy", "정확도"),
        headlines=[("accuracy", ("accuracy", "정확도"))],
    ),
    LABEL_SET: Words(
        curve=("Pictures with every label right, in percent", "모든 레이블을 맞힌 사진 (%)"),
        curve_alt="Exact matches over epochs · 에포크별 완전 일치율",
        metric=("Every label right", "모든 레이블 정답"),
        headlines=[
            ("mean_average_precision", ("mean average precision", "평균 정밀도 (mAP)")),
            ("micro_f1", ("F1 of all labels", "전체 레이블 F1")),
            ("exact_match", ("pictures with every label right", "모든 레이블을 맞힌 사진")),
        ],
    ),
    NUMBERS: Words(
        curve=("R² (1 is best)", "결정계수 R² (1이 최고)"),
        curve_alt="R² over epochs · 에포크별 R²",
        metric=("R²", "결정계수 R²"),
        headlines=[("r2", ("R²", "결정계수 R²"))],
    ),
}
