"""The contact sheet: what the network will really see of some training pictures, epoch by epoch."""

import numpy as np
import torch

from striate.data.augment import Augment
from striate.data.draw import ids_of
from striate.data.gathered import Gathered
from striate.data.names import Names
from striate.data.preprocess import Preprocess
from striate.look.audit_page import Strip, image_url

# Pictures on the sheet, spread over the training set, and epochs of each.
PICTURES, EPOCHS = 8, 8


def contact_sheet(data: Gathered, preprocess: Preprocess, augment: Augment, *, seed: int = 0) -> list[Strip]:
    """Return, for some readable training pictures, what comes out of resizing and of augmentation in some epochs.

    The draws are those of a training with this seed.
    """
    learned = "train" if "train" in data.splits else data.splits[0]
    mine = data.readable[data.split[data.readable] == data.splits.index(learned)]
    chosen = mine[np.unique(np.linspace(0, max(len(mine) - 1, 0), PICTURES).astype(np.int64))[: len(mine)]]
    stored = preprocess.enlarged(augment.margin)
    strips = []
    for position in chosen.tolist():
        name, encoded = data.name(position), data.read(position)
        image = torch.from_numpy(stored.pixels(encoded))[None]  # (1, C, H, W)
        ids = ids_of(Names([name]))
        made = [augment(image, ids, seed=seed, epoch=epoch, size=preprocess.size) for epoch in range(EPOCHS)]
        seen = [torch.from_numpy(preprocess.pixels(encoded))[None], *made]
        strips.append(Strip(name, [_url(picture) for picture in seen]))
    return strips


def _url(picture: torch.Tensor) -> str:
    """Return a picture (1, C, H, W) in 0..255 as a data URL."""
    pixels = picture[0].round().to(torch.uint8).permute(1, 2, 0).contiguous().numpy()
    return image_url(pixels[:, :, 0] if pixels.shape[2] == 1 else pixels)
