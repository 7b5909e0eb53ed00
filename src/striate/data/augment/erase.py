"""Random erasing (Zhong et al. 2017, arXiv:1708.04896): a box of a picture becomes noise."""

import numpy as np
import torch
from torch import Tensor

from striate.data.augment.crop import draw_boxes
from striate.data.draw import Draws

# The paper's s_l to s_h, and r_1 to 1 / r_1.
AREA = (0.02, 0.4)
RATIO = (0.3, 1 / 0.3)


def erased(images: Tensor, draws: Draws, *, share: float) -> Tensor:
    """Return (B, C, H, W), uint8 or float32, with a box of noise in a share of the pictures.

    Every value of the box is drawn evenly from 0..255, the filling that did best in the paper (its RE-R).
    """
    side = (images.shape[2], images.shape[3])
    boxes, found = draw_boxes("erase", draws, side=side, area=AREA, ratio=RATIO)
    images = images.clone()
    for i in np.flatnonzero(found & (draws.uniform("erase") < share)).tolist():
        top, left, height, width = boxes[i].tolist()
        noise = draws.noise("erase-noise", i, images.shape[1] * height * width)
        patch = torch.from_numpy(noise).view(-1, height, width)
        images[i, :, top : top + height, left : left + width] = patch
    return images
