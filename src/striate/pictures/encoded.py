"""The digest (a 128-bit hash) that identifies a picture's content."""

from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import NDArray

DIGEST_BYTES = 16

# A picture as its format stores it: a file's bytes, or pixels.
Encoded = bytes | NDArray[Any]


def digest_of(encoded: Encoded) -> bytes:
    """Return the BLAKE2b digest, 16 bytes, of a file's bytes or of the values of pixels."""
    content = encoded if isinstance(encoded, bytes) else np.ascontiguousarray(encoded).data
    return blake2b(content, digest_size=DIGEST_BYTES).digest()
