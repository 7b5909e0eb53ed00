"""The digest by which a picture's content is known again."""

from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import NDArray

DIGEST_BYTES = 16

# A file's bytes, or the pixels of a format that stores pixels.
Encoded = bytes | NDArray[Any]


def digest_of(encoded: Encoded) -> bytes:
    """Return the 128-bit digest of a file's bytes, or of pixels."""
    content = encoded if isinstance(encoded, bytes) else np.ascontiguousarray(encoded).data
    return blake2b(content, digest_size=DIGEST_BYTES).digest()
