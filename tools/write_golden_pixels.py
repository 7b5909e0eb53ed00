"""Write tests/data/augment/golden_pixels.json: what augmentation makes of made pictures. `make golden` runs this.

Only what moves whole pixels stands there, which gives the same bytes on every machine. Resizing, turning and colours
are floating point, whose last bit is the processor's.
"""

import json
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from striate.data.augment.augment import PRESETS, Augment
from striate.data.draw import sample_id

PAGE = Path(__file__).parent.parent / "tests" / "data" / "augment" / "golden_pixels.json"
IDS = np.array([sample_id(f"{i}.png") for i in range(24)], np.uint64)
SEED, EPOCHS = 7, (0, 1, 6)
SHAPES = ((1, 12, 12), (2, 9, 16), (3, 16, 9), (4, 11, 11))  # channels, height, width
WHOLE_PIXELS = {
    **{name: augment for name, augment in PRESETS.items() if augment.moves_whole_pixels},
    "flip": Augment(flip=True),
    "alternate": Augment(alternate=True),
    "upside down": Augment(upside_down=True),
    "dihedral": Augment(dihedral=True),
    "shift": Augment(shift=0.3),
    "least shift": Augment(shift=0.01),
    "all of them": Augment(alternate=True, upside_down=True, dihedral=True, shift=0.2),
}


def pictures(channels: int, height: int, width: int, dtype: torch.dtype) -> Tensor:
    """Return noise that every machine draws alike; as floats, values between the levels."""
    values = np.random.default_rng(3).integers(0, 1021, (len(IDS), channels, height, width))
    return torch.from_numpy(values).div(4).to(dtype)


def digest(pixels: Tensor) -> str:
    """Return what 16 hexadecimal digits of a hash say of every pixel."""
    return sha256(pixels.contiguous().numpy().tobytes()).hexdigest()[:16]


def golden() -> Iterator[tuple[str, str]]:
    """Yield each setting and what it makes of pictures of one shape and type, in several epochs."""
    for name, augment in WHOLE_PIXELS.items():
        for shape in SHAPES:
            for dtype in (torch.uint8, torch.float32):
                images = pictures(*shape, dtype)
                changed = [augment(images, IDS, seed=SEED, epoch=epoch) for epoch in EPOCHS]
                kind = str(dtype).removeprefix("torch.")
                yield f"{name}, {'x'.join(map(str, shape))} {kind}", digest(torch.cat(changed))


def main() -> None:
    """Write the file, one setting, shape and type a line."""
    lines = [f"  {json.dumps(name)}: {json.dumps(value)}" for name, value in golden()]
    PAGE.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
