"""What a fault suite has tried and what was survived, and how to try it again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from time import monotonic
from zlib import crc32

import numpy as np

Counts = dict[str, list[int]]
"""How often each kind of fault was tried and survived."""


@dataclass
class Tally:
    """The faults that one test tries."""

    test: str
    seed: int
    seconds: float
    counts: Counts = field(default_factory=dict)

    def draws(self) -> Iterator[np.random.Generator]:
        """A generator of random numbers for each try until the time is over, and one at least."""
        end, number = monotonic() + self.seconds, 0
        while number == 0 or monotonic() < end:
            yield np.random.default_rng([self.seed, crc32(self.test.encode()), number])
            number += 1

    @contextmanager
    def tried(self) -> Iterator[list[str]]:
        """Counts the kinds that the block appends; they are survived if it ends well."""
        kinds: list[str] = []
        survived = 0
        try:
            yield kinds
            survived = 1
        except Exception as error:
            error.add_note(
                f"after {', '.join(kinds)}\n"
                f"to try it again: make faults SEED={self.seed} ONLY='{self.test}'"
            )
            raise
        finally:
            for kind in kinds:
                add(self.counts, {kind: [1, survived]})


def add(total: Counts, counts: Counts) -> None:
    """Adds counts to a total."""
    for kind, numbers in counts.items():
        total[kind] = [sum(pair) for pair in zip(total.get(kind, [0, 0]), numbers, strict=True)]


def table(counts: Counts) -> str:
    """The counts of each kind and of all, a line each."""
    total = [sum(numbers) for numbers in zip([0, 0], *counts.values(), strict=True)]
    rows = [("kind", "tried", "survived"), *((kind, *counts[kind]) for kind in sorted(counts))]
    return "\n".join(f"{row[0]:44}{row[1]:>8}{row[2]:>10}" for row in [*rows, ("all", *total)])
