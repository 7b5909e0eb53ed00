"""The findings of an audit: their sentences in two languages, and their severities."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Severity = Literal["note", "look", "stop"]
# From the least to the most severe.
SEVERITIES: tuple[Severity, ...] = ("note", "look", "stop")

# Code -> its sentence in English and in Korean. {count} is the finding's count, the rest its words.
SENTENCES: Mapping[str, tuple[str, str]] = {
    "unreadable": (
        "pictures that cannot be read: {count} of {total}",
        "읽을 수 없는 사진: {total}장 중 {count}장",
    ),
    "other-bands": (
        "pictures of another number of bands than most have ({most}): {count} of {total}",
        "대부분의 사진({most})과 밴드 수가 다른 사진: {total}장 중 {count}장",
    ),
    "unlearned": (
        "classes with no picture to learn from: {count} ({some})",
        "학습할 사진이 없는 클래스: {count}개 ({some})",
    ),
    "conflicts": (
        "exact copies under different labels: {count} pictures",
        "똑같은 사진인데 레이블이 다름: {count}장",
    ),
    "across": (
        "pictures of {split} that also stand in another split: {count} ({share}), so scores come out too good",
        "다른 분할에도 똑같이 있는 {split} 사진: {count}장 ({share}). 점수가 실제보다 높게 나옵니다",
    ),
    "near-across": (
        "pictures of {split} with a near copy in another split (resized, saved anew, recoloured): {count} ({share})",
        "다른 분할에 거의 같은 사진이 있는 {split} 사진 (크기, 저장, 색만 다름): {count}장 ({share})",
    ),
    "near-conflicts": (
        "near copies under different labels: {count} pictures",
        "거의 같은 사진인데 레이블이 다름: {count}장",
    ),
    "copies": (
        "exact copies within a split: {count} more than needed",
        "같은 분할 안의 똑같은 사진: 남는 것 {count}장",
    ),
    "near-copies": (
        "near copies within a split: {count} pictures",
        "같은 분할 안의 거의 같은 사진: {count}장",
    ),
    "single-classes": (
        "classes with one picture only: {count} ({some})",
        "사진이 한 장뿐인 클래스: {count}개 ({some})",
    ),
    "unscored": (
        "classes without {split} pictures, so not scored: {count} ({some})",
        "{split} 사진이 없어 평가되지 않는 클래스: {count}개 ({some})",
    ),
    "imbalance": (
        "the largest class ({largest}) has {count} times the pictures of the smallest ({smallest})",
        "가장 큰 클래스({largest})의 사진이 가장 작은 클래스({smallest})의 {count}배",
    ),
    "alike-names": (
        "class names that differ only in case, spaces or Unicode form: {some}",
        "대소문자, 띄어쓰기, 유니코드 형식만 다른 클래스 이름: {some}",
    ),
    "machine-names": (
        "class names that folders get by themselves: {some}",
        "저절로 붙은 듯한 클래스 이름: {some}",
    ),
    "split-names": (
        "classes called like a split, so perhaps not classes: {some}",
        "분할 이름과 같아 클래스가 아닐 수 있는 것: {some}",
    ),
    "tiny": (
        "pictures far smaller than the others, under {side} pixels: {count}",
        "다른 사진보다 훨씬 작은 사진 ({side}픽셀 미만): {count}장",
    ),
    "blank": (
        "pictures that show nothing but one even colour: {count}",
        "한 가지 색뿐인 사진: {count}장",
    ),
    "misnamed": (
        "files that are not what their names end in, read as what they are: {count}",
        "확장자와 내용이 다른 파일 (내용대로 읽음): {count}개",
    ),
    "animated": (
        "animations, of which the first frame is taken: {count}",
        "애니메이션 (첫 프레임만 씀): {count}개",
    ),
    "turned": (
        "pictures turned upright by their EXIF orientation: {count}",
        "EXIF 방향에 따라 바로 세운 사진: {count}장",
    ),
    "mixed-colour": (
        "grey pictures among coloured ones: {count} of {total}",
        "컬러 사진 사이의 흑백 사진: {total}장 중 {count}장",
    ),
}


@dataclass(frozen=True)
class Finding:
    """One finding: a code of SENTENCES, its severity, its count, the words of its sentence, and its pictures.

    `examples` are the positions of all its pictures, `names` the names of the first of them.
    """

    code: str
    severity: Severity
    count: int
    words: Mapping[str, str]
    examples: tuple[int, ...] = ()
    names: tuple[str, ...] = ()

    @property
    def english(self) -> str:
        """The sentence in English."""
        return SENTENCES[self.code][0].format(count=f"{self.count:,}", **self.words)

    @property
    def korean(self) -> str:
        """The sentence in Korean."""
        return SENTENCES[self.code][1].format(count=f"{self.count:,}", **self.words)

    def as_json(self) -> dict[str, Any]:
        """Return the finding as JSON values."""
        return {
            "code": self.code,
            "severity": self.severity,
            "count": self.count,
            "text": self.english,
            "files": list(self.names),
        }
