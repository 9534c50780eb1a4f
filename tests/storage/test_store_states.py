"""A store under writes, failures and kills in any order, against a model in memory."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    rule,
    run_state_machine_as_test,
)

from helpers.killed_writers import NEVER, KilledWriters, write_store
from szmass.files import OutputError
from szmass.storage.store import ArraySpec, MapStore, StoreError, StoreSpec, replacing, write_rows

SPEC = StoreSpec(
    title="maps of a test",
    arrays={"y": ArraySpec(("sample", "row", "column"), "float32", "1", "Compton y")},
    sizes={"sample": 3, "row": 2, "column": 2},
    shard_rows=2,
)
SEEDS = st.integers(1, 3)
EXCHANGE = st.integers(40, 50)
"""About which file operations the new store takes the place of the old one."""
ERRORS = st.sampled_from([RuntimeError("a"), KeyboardInterrupt(), OSError(28, "No space left")])


def values(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((3, 2, 2)).astype("f4")


def fill(path: Path, seed: int) -> None:
    for rows in SPEC.shards():
        write_rows(path, rows, {"y": values(seed)[rows]})


def contents(path: Path) -> dict[str, bytes]:
    return {str(f.relative_to(path)): f.read_bytes() for f in path.rglob("*") if f.is_file()}


@cache
def whole(seed: int) -> dict[str, bytes]:
    """The files of a store that nothing disturbed."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "maps.zarr"
        with replacing(path, SPEC, provenance={"seed": seed}) as unfinished:
            fill(unfinished, seed)
        return contents(path)


def require_whole(path: Path, seed: int | None) -> None:
    """What is read is the whole store of a seed, or there is none."""
    if seed is None:
        with pytest.raises(StoreError, match="no Zarr group can be opened here"):
            MapStore(path, SPEC.title)
        return
    assert contents(path) == whole(seed)
    store = MapStore(path, SPEC.title)
    assert store.attributes["seed"] == seed
    np.testing.assert_array_equal(store.read("y"), values(seed))


@pytest.fixture(scope="module")
def writers() -> Iterator[KilledWriters]:
    writers = KilledWriters()
    yield writers
    writers.close()


def killed(writers: KilledWriters, operation: int, path: Path, seed: int) -> bool:
    """Writes a store, to be killed before a file operation; False if it ended before that."""
    return writers.killed(operation, write_store, path, SPEC, values(seed), seed)


def beside(path: Path) -> list[str]:
    """What lies beside a store."""
    return sorted(other.name for other in path.parent.iterdir() if other != path)


def fail(path: Path, seed: int, error: BaseException) -> None:
    """An error when half of a store is written."""

    def write_half() -> None:
        with replacing(path, SPEC, provenance={"seed": seed}) as unfinished:
            write_rows(unfinished, SPEC.shards()[0], {"y": values(seed)[:2]})
            raise error

    with pytest.raises(OutputError if isinstance(error, OSError) else type(error)):
        write_half()
    assert f"{path.name}.unfinished" not in beside(path)


def test_a_kill_before_any_file_operation_loses_nothing(writers, tmp_path):
    path = tmp_path / "maps.zarr"
    assert not killed(writers, NEVER, path, 1)
    absent = 0
    for operation in range(NEVER):
        was_killed = killed(writers, operation, path, 2)
        if not path.exists():
            # between the two renames; whatever the next writer comes to, the store is there again
            absent += 1
            fail(path, 3, RuntimeError())
        require_whole(path, 2 if contents(path) == whole(2) else 1)
        assert not killed(writers, NEVER, path, 1)
        require_whole(path, 1)
        assert beside(path) == []
        if not was_killed:
            break
    assert operation > 40
    assert absent >= 1


class Store(RuleBasedStateMachine):
    """A store, and a model of it: the seed of what is read, and of what the next write puts back.

    A kill between the two renames of an exchange leaves the old store aside.
    """

    def __init__(self, writers: KilledWriters) -> None:
        super().__init__()
        self.writers = writers
        self.path = Path(tempfile.mkdtemp()) / "maps.zarr"
        self.seed: int | None = None
        self.aside: int | None = None

    def teardown(self) -> None:
        shutil.rmtree(self.path.parent)

    @invariant()
    def is_read_whole(self) -> None:
        require_whole(self.path, self.seed)

    @rule(seed=SEEDS)
    def write(self, seed: int) -> None:
        with replacing(self.path, SPEC, provenance={"seed": seed}) as unfinished:
            self.put_back()
            self.is_read_whole()
            fill(unfinished, seed)
            self.is_read_whole()
        self.seed = seed
        assert beside(self.path) == []

    @rule(seed=SEEDS, error=ERRORS)
    def fail(self, seed: int, error: BaseException) -> None:
        fail(self.path, seed, error)
        self.put_back()

    @rule(seed=SEEDS, operation=st.integers(0, 62) | EXCHANGE)
    def kill(self, seed: int, operation: int) -> None:
        kept = self.aside if self.seed is None else self.seed
        if not killed(self.writers, operation, self.path, seed):
            kept = seed
            assert beside(self.path) == []
        self.seed = self.aside = None
        if self.path.exists():
            self.seed = seed if contents(self.path) == whole(seed) else kept
            assert self.seed is not None
        elif kept is not None:
            self.aside = kept
            assert contents(self.path.with_name("maps.zarr.replaced")) == whole(kept)

    @rule()
    def remove(self) -> None:
        """As DVC does before it runs a stage.

        A store that a killed exchange has left aside is put back by the next write: it is whole.
        """
        aside = self.path.with_name("maps.zarr.replaced")
        if self.path.exists() and aside.exists():
            self.aside = next(seed for seed in range(1, 4) if contents(aside) == whole(seed))
        shutil.rmtree(self.path, ignore_errors=True)
        self.seed = None

    def put_back(self) -> None:
        if self.seed is None:
            self.seed, self.aside = self.aside, None


def test_whatever_happens_a_store_is_read_whole_or_not_at_all(writers):
    some = settings(
        derandomize=True, database=None, deadline=None, max_examples=12, stateful_step_count=12,
        suppress_health_check=[HealthCheck.too_slow],
    )  # fmt: skip
    run_state_machine_as_test(
        lambda: Store(writers),  # type: ignore[arg-type]
        settings=some,
    )
