"""What a network says of a picture, for people."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Guess:
    """One class or label and its probability."""

    label: str
    probability: float

    def __str__(self) -> str:
        return f"{self.probability:6.1%}  {self.label}"

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON holds."""
        return {"class": self.label, "probability": self.probability}


@dataclass(frozen=True)
class Estimate:
    """One target and the number the network gives it, in the user's units."""

    label: str
    value: float

    def __str__(self) -> str:
        return f"{self.value:10.6g}  {self.label}"

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON holds."""
        return {"target": self.label, "value": self.value}


Answer = Guess | Estimate
