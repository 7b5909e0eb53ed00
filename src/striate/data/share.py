"""Which part of every batch a process takes, where several train one network together."""

from dataclasses import dataclass

import numpy as np

from striate.data.rows import Indices


@dataclass(frozen=True)
class Share:
    """One of `count` parts, as equal as they can be, of whatever is divided: number `index`."""

    index: int = 0
    count: int = 1

    def part(self, total: int) -> slice:
        """Return which of `total` things in a row are of this share; the shares together have each once."""
        return slice(total * self.index // self.count, total * (self.index + 1) // self.count)

    def padded(self, total: int) -> Indices:
        """Return places of `total` things, as many in every share; one after another they are range(total).

        What the last shares lack is filled with the last thing, which stands behind all others.
        """
        each = -(-total // self.count)
        return np.minimum(np.arange(self.index * each, (self.index + 1) * each), total - 1)


WHOLE = Share()
