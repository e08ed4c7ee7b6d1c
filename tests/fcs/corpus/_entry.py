"""A line of the corpus: a maker, the versions it stands in, and how often."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from ._case import VERSIONS, Case

Maker = Callable[[np.random.Generator, str], Case]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A kind of file: made once for each version and repeat."""

    name: str
    make: Maker
    versions: tuple[str, ...] = VERSIONS
    repeats: int = 1

    def cases(self, seed: int) -> Iterator[Case]:
        """Make the files of one master seed; the seed of each is its own name and the master."""
        for version in self.versions:
            for repeat in range(1, self.repeats + 1):
                name = f"{self.name}_{version}_{repeat}"
                rng = np.random.default_rng([seed, zlib.crc32(name.encode())])
                case = self.make(rng, version)
                yield replace(case, name=f"{case.kind}_{name}_s{seed}")


def entry(name: str, make: Maker, *versions: str, repeats: int = 1) -> Entry:
    """Shorter to write; no version means all."""
    return Entry(name=name, make=make, versions=versions or VERSIONS, repeats=repeats)
