"""Average precision: how well one label's pictures stand above the others when all are ranked by probability."""

import torch
from torch import Tensor


def average_precision(truth: Tensor, probabilities: Tensor) -> float:
    """Return the area under the steps of precision over recall, sum of (R_n - R_(n-1)) P_n over all thresholds.

    `truth` and `probabilities` are (N,). Pictures of one probability pass the threshold together. nan where no
    picture has the label. It is not interpolated, as in scikit-learn and unlike the measure of PASCAL VOC 2007.
    """
    order = probabilities.argsort(descending=True, stable=True)
    ranked, found = probabilities[order], truth[order].double().cumsum(0)
    last = torch.ones(len(ranked), dtype=torch.bool)  # of the pictures of one probability
    last[:-1] = ranked[1:] != ranked[:-1]
    precision = found / torch.arange(1, len(found) + 1)
    recall = found[last] / found[-1]
    return float((recall.diff(prepend=torch.zeros(1)) * precision[last]).sum())
