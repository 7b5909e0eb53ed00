"""What a network says of a picture, for people."""

from dataclasses import dataclass
from typing import Any, ClassVar


@dataclass(frozen=True)
class Guess:
    """One class or label and its probability; `passes` says whether that reaches the threshold to be believed."""

    label: str
    probability: float
    passes: bool = True

    def __str__(self) -> str:
        return f"{self.probability:6.1%}  {self.label}"

    @property
    def words(self) -> str:
        """The guess within a sentence."""
        return f"{self.label}, {self.probability:.1%}"

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON holds."""
        return {"class": self.label, "probability": self.probability}


@dataclass(frozen=True)
class Estimate:
    """One target and the number the network gives it, in the user's units."""

    passes: ClassVar[bool] = True  # no number is in doubt

    label: str
    value: float

    def __str__(self) -> str:
        return f"{self.value:10.6g}  {self.label}"

    @property
    def words(self) -> str:
        """The estimate within a sentence."""
        return f"{self.label}, {self.value:.6g}"

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON holds."""
        return {"target": self.label, "value": self.value}


Answer = Guess | Estimate
