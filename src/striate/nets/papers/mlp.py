"""Rumelhart, Hinton, Williams, "Learning Representations by Back-Propagating Errors", Nature, 1986.

https://doi.org/10.1038/323533a0. The sizes are those of LeCun et al. 1998, section III.C: 28x28-300-100-10.

Hidden layers find their own features, since an error can be passed back through any differentiable layer.

Departures: tanh and torch's initial weights, as commonly coded; another size of image is brought to 28 x 28.
"""

from torch import Tensor, nn, tanh
from torch.nn.functional import adaptive_avg_pool2d

RETINA = 28
HIDDEN = (300, 100)


class MLP(nn.Module):
    """Fully connected layers of 300 and 100 tanh units: 266,610 parameters on 28x28 with 10 classes.

    Takes (B, in_channels, H, W).
    """

    def __init__(self, num_classes: int = 10, *, in_channels: int = 1) -> None:
        super().__init__()
        self.fc1 = nn.Linear(in_channels * RETINA * RETINA, HIDDEN[0])
        self.fc2 = nn.Linear(HIDDEN[0], HIDDEN[1])
        self.fc3 = nn.Linear(HIDDEN[1], num_classes)

    def features(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, 100)."""
        x = adaptive_avg_pool2d(x, RETINA).flatten(1)  # (B, 784)
        return tanh(self.fc2(tanh(self.fc1(x))))

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) -> (B, num_classes)."""
        return self.fc3(self.features(x))
