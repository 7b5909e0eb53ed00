"""The contact sheet of a check: what the network will really see of some training pictures, epoch by epoch."""

import numpy as np
import torch
from torch import Tensor

from striate.data.augment import Augment
from striate.data.draw import ids_of
from striate.data.gathered import Gathered
from striate.data.names import Names
from striate.data.preprocess import Preprocess
from striate.data.sheet import contact_sheet
from striate.look.audit_page import Strip, image_url, visible

# Pictures on the sheet, spread over the training set, and epochs of each.
PICTURES, EPOCHS = 8, 8


def sheet_strips(data: Gathered, preprocess: Preprocess, augment: Augment) -> list[Strip]:
    """Return, for some readable training pictures, what comes out of resizing, and of augmentation in each epoch."""
    learned = data.splits.index("train") if "train" in data.splits else 0
    mine = data.readable[data.split[data.readable] == learned]
    chosen = mine[np.unique(np.linspace(0, len(mine) - 1, PICTURES).astype(np.int64))] if len(mine) else mine
    if not len(chosen):
        return []
    names = [data.name(position) for position in chosen.tolist()]
    stored = preprocess.enlarged(augment.margin)
    images = torch.stack([torch.from_numpy(stored.pixels(data.read(i))) for i in chosen.tolist()])
    sheet = contact_sheet(
        images,
        ids_of(Names(names)),
        augment,
        captions=[(data.label_of(i), name) for i, name in zip(chosen.tolist(), names, strict=True)],
        size=preprocess.size,
        epochs=EPOCHS,
    )
    pictures = torch.cat([sheet.whole[None], sheet.seen]).transpose(0, 1)  # (N, 1 + EPOCHS, C, H, W)
    return [Strip(name, [_url(each) for each in row]) for name, row in zip(names, pictures, strict=True)]


def _url(picture: Tensor) -> str:
    """Return a picture (C, H, W) uint8 as a data URL."""
    return image_url(visible(picture.permute(1, 2, 0).contiguous().numpy()))
