"""One label a picture: cross-entropy, accuracy, and the most likely classes."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

# What a network returns: logits (B, K), and in training perhaps auxiliary logits after them.
Outputs = Tensor | Sequence[Tensor]
# The weight of each auxiliary head's loss (Szegedy et al. 2014, section 5).
AUXILIARY_WEIGHT = 0.3


@dataclass(frozen=True)
class Guess:
    """One class and its probability."""

    label: str
    probability: float


@dataclass(frozen=True)
class Classification:
    """The task of naming one of `classes`."""

    classes: tuple[str, ...]
    label_smoothing: float = 0.0

    def loss(self, outputs: Outputs, labels: Tensor) -> Tensor:
        """Return the mean cross-entropy of logits (B, K) with labels (B,), or with shares of the classes (B, K).

        Auxiliary heads are weighed in.
        """
        if isinstance(outputs, Tensor):
            return cross_entropy(outputs, labels, label_smoothing=self.label_smoothing)
        main, *auxiliary = (self.loss(output, labels) for output in outputs)
        return torch.stack([main, *(AUXILIARY_WEIGHT * loss for loss in auxiliary)]).sum()

    def answers(self, outputs: Outputs) -> Tensor:
        """Return the class index (B,) each row of logits names."""
        logits = outputs if isinstance(outputs, Tensor) else outputs[0]
        return logits.argmax(1)

    def guesses(self, logits: Tensor, *, top: int) -> list[list[Guess]]:
        """Return for each row of logits (B, K) its `top` likeliest classes, the likeliest first."""
        best = logits.softmax(1).topk(min(top, len(self.classes)), 1)
        rows = zip(best.values.tolist(), best.indices.tolist(), strict=True)
        return [
            [Guess(self.classes[i], p) for p, i in zip(probabilities, indices, strict=True)]
            for probabilities, indices in rows
        ]
