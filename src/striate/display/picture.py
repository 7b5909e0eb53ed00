"""Pictures as data URLs, which a page holds in itself."""

import base64
import io

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from striate.pictures.pixels import Pixels
from striate.pictures.preprocess import shallow


def visible(pixels: Pixels) -> Pixels:
    """Return pixels as (H, W, 3) or (H, W): of three or more channels the first three, of fewer the first."""
    if pixels.ndim == 2:
        return pixels
    return np.ascontiguousarray(pixels[:, :, :3]) if pixels.shape[2] >= 3 else pixels[:, :, 0]


def image_url(pixels: Pixels) -> str:
    """Return pixels (H, W) or (H, W, 3) as a data URL: JPEG where that is smaller than PNG."""
    image = Image.fromarray(pixels)
    forms = []
    for form, settings in (("jpeg", {"quality": 85}), ("png", {"optimize": True})):
        out = io.BytesIO()
        image.save(out, form, **settings)
        forms.append((len(out.getvalue()), form, out.getvalue()))
    _, form, content = min(forms)
    return f"data:image/{form};base64," + base64.b64encode(content).decode()


def picture_url(pixels: Tensor) -> str:
    """Return pixels (C, H, W) as an 8-bit PNG data URL: of three or more channels the first three, else the first."""
    seen = pixels if pixels.dtype == torch.uint8 else shallow(pixels).round().to(torch.uint8)
    array = seen[0].numpy() if len(seen) < 3 else seen[:3].permute(1, 2, 0).contiguous().numpy()
    out = io.BytesIO()
    Image.fromarray(array).save(out, "PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(out.getvalue()).decode()
