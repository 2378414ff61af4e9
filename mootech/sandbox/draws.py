"""Random numbers that are the same on every machine and in every version of numpy.

Only the raw bits of a seeded bit generator are used, because numpy keeps those stable and its distributions not.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Words = npt.NDArray[np.uint64]
Floats = npt.NDArray[np.float64]

_MANTISSA: Final = np.uint64(11)


class Draws:
    """One stream of random numbers, named by whole numbers >= 0: the seed, the purpose, the day."""

    def __init__(self, *words: int) -> None:
        """Start the stream."""
        self._bits = np.random.PCG64(np.random.SeedSequence(words))

    def words(self, count: int) -> Words:
        """Return unsigned 64-bit numbers."""
        return self._bits.random_raw(count)

    def uniform(self, count: int) -> Floats:
        """Return numbers in [0, 1)."""
        return uniform(self.words(count))

    def below(self, count: int, limit: int) -> Ints:
        """Return whole numbers in [0, limit)."""
        return (self.uniform(count) * limit).astype(np.int64)

    def pick(self, count: int, weights: npt.ArrayLike) -> Ints:
        """Return indices into `weights`, each as often as its weight says."""
        edges = np.cumsum(np.asarray(weights, dtype=np.float64))
        picked: Ints = np.searchsorted(edges[:-1], self.uniform(count) * edges[-1], side="right").astype(np.int64)
        return picked

    def about(self, mean: float) -> int:
        """Return one of the two whole numbers around `mean`, so that `mean` is the average."""
        return int(mean + self.uniform(1)[0])


def uniform(words: Words) -> Floats:
    """Map unsigned 64-bit numbers to [0, 1)."""
    numbers: Floats = (words >> _MANTISSA).astype(np.float64) * 2.0**-53
    return numbers


def mix(keys: npt.ArrayLike, salt: int) -> Words:
    """Scramble whole numbers with the finaliser of splitmix64: one to one for a given salt, stateless."""
    z = np.atleast_1d(np.asarray(keys)).astype(np.uint64)
    z = z + np.uint64(salt * 0x9E3779B97F4A7C15 & 0xFFFFFFFFFFFFFFFF)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))
