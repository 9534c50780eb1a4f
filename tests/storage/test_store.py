import json
import os
import re
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import pytest
import xarray as xr
import zarr
from ruamel.yaml import YAML

import szmass
from helpers.checkout import Checkout
from szmass.files import OutputError
from szmass.microwave.maps.samples import SETS, TITLE, store_spec
from szmass.sky.grid import PixelGrid
from szmass.storage.store import MapStore, StoreError, replacing, write_rows

ROWS, SHARD = 200, 64


@pytest.fixture(scope="module")
def spec():
    return replace(store_spec(ROWS, PixelGrid(8, 0.25)), shard_rows=SHARD)


def arrays(seed: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    return {
        "temperature_uk": rng.standard_normal((ROWS, 8, 8)).astype(np.float32),
        "sz_uk": rng.standard_normal((ROWS, 8, 8)).astype(np.float32),
        "m200c_msun": rng.uniform(1e14, 9e14, ROWS),
        # a whole array of zeros is data, not a missing file
        "ln_amplitude": np.zeros(ROWS, dtype=np.float32),
        "set": (np.arange(ROWS) % len(SETS)).astype(np.int8),
        "x": PixelGrid(8, 0.25).axis_arcmin,
        "y": PixelGrid(8, 0.25).axis_arcmin,
    }


def fill(path: Path, spec, seed: int) -> None:
    values = arrays(seed)
    images = {name: values.pop(name) for name in ("temperature_uk", "sz_uk")}
    write_rows(path, slice(None), values)
    for rows in spec.shards():
        write_rows(path, rows, {name: image[rows] for name, image in images.items()})


@pytest.fixture
def store(spec, tmp_path) -> Path:
    path = tmp_path / "data" / "maps.zarr"
    with replacing(path, spec, provenance={"seed": 7}) as unfinished:
        fill(unfinished, spec, 7)
    return path


def read_all(path: Path) -> dict[str, np.ndarray]:
    opened = MapStore(path, TITLE)
    return {name: opened.read(name) for name in opened.names}


def assert_holds(path: Path, seed: int) -> None:
    found, wanted = read_all(path), arrays(seed)
    assert found.keys() == wanted.keys()
    for name, values in wanted.items():
        np.testing.assert_array_equal(found[name], values)
        assert found[name].dtype == values.dtype


def files(path: Path) -> dict[str, bytes]:
    return {str(f.relative_to(path)): f.read_bytes() for f in path.rglob("*") if f.is_file()}


def test_what_was_written_is_read(store):
    assert_holds(store, 7)
    opened = MapStore(store, TITLE)
    rows = np.array([3, 150, 4])
    np.testing.assert_array_equal(opened.read("sz_uk", rows), arrays(7)["sz_uk"][rows])
    mask = arrays(7)["set"] == 2
    np.testing.assert_array_equal(opened.read("sz_uk", mask), arrays(7)["sz_uk"][mask])
    np.testing.assert_array_equal(opened.read("sz_uk", slice(60, 70)), arrays(7)["sz_uk"][60:70])
    with pytest.raises(StoreError, match="no array 'kappa'; it has ln_amplitude, "):
        opened.read("kappa")


@pytest.mark.parametrize(
    "rows",
    [
        np.array([3, 150, 4, 3, 66, 63, 199, 0]),
        np.array([], dtype=int),
        np.arange(ROWS)[::-1],
        np.arange(ROWS) % 3 == 0,
        slice(60, 70),
    ],
    ids=["anywhere and twice", "none", "backwards", "mask", "slice"],
)
@pytest.mark.parametrize("name", ["temperature_uk", "m200c_msun"])
def test_rows_are_read_as_they_are_asked_for(store, rows, name):
    read = MapStore(store, TITLE).read(name, rows)
    assert np.array_equal(read, arrays(7)[name][rows])


@pytest.mark.parametrize("name", ["temperature_uk", "m200c_msun"])
@pytest.mark.parametrize("row", [ROWS, -ROWS - 1])
def test_rows_that_are_not_there_are_refused(store, name, row):
    with pytest.raises(IndexError):
        MapStore(store, TITLE).read(name, np.array([0, row]))


def test_shards_are_whole_and_few(store, spec):
    assert spec.shards() == [slice(0, 64), slice(64, 128), slice(128, 192), slice(192, 200)]
    assert len(files(store)) == 1 + 7 + 2 * 4 + 5


def test_xarray_opens_it_with_units_and_meanings(tiny_store, tiny):
    with xr.open_zarr(tiny_store, consolidated=False) as data:
        assert data.temperature_uk.dims == ("sample", "y", "x")
        assert data.temperature_uk.dtype == np.float32
        assert data.temperature_uk.attrs["units"] == "uK_CMB"
        assert data.m200c_msun.dims == ("sample",)
        assert data.m200c_msun.attrs["units"] == "Msun"
        assert all("long_name" in data[name].attrs for name in data.variables)
        assert set(data.coords) == {"x", "y"}
        assert data.x.attrs["units"] == "arcmin"
        np.testing.assert_array_equal(data.x, PixelGrid(8, 0.25).axis_arcmin)
        flags = data["set"].attrs
        meanings = dict(zip(flags["flag_values"], flags["flag_meanings"].split(), strict=True))
        assert list(meanings.items()) == list(enumerate(SETS))
        names = [meanings[value] for value in data["set"].values]
        assert names.count("train") == 2 * tiny.microwave_sets.train_maps
        assert data.attrs["seed"] == tiny.seed
        assert data.attrs["szmass_version"] == szmass.__version__
        assert data.attrs["format_version"] == 1
        still = data["set"].values == SETS.index("no_scatter_test")
        assert (data.ln_amplitude.values[still] == 0).all()


def test_nothing_in_a_store_tells_when_or_where_it_was_made(tiny_store):
    text = "".join(
        content.decode() for name, content in files(tiny_store).items() if name.endswith("json")
    )
    for word in (str(tiny_store.parent), os.uname().nodename, str(time.localtime().tm_year) + "-"):
        assert word not in text


def test_no_store(tmp_path):
    with pytest.raises(StoreError, match=f"{tmp_path}/absent.zarr: no Zarr group"):
        MapStore(tmp_path / "absent.zarr", TITLE)


def test_foreign_stores_are_refused(tmp_path):
    group, array, text = (tmp_path / name for name in ("group.zarr", "array.zarr", "text.zarr"))
    zarr.create_group(group)
    zarr.create_array(array, shape=(3,), dtype="f4")
    text.write_text("no store")
    for path in (group, array, text):
        with pytest.raises(StoreError, match=str(path)):
            MapStore(path, TITLE)


@pytest.mark.parametrize(
    ("attribute", "value", "message"),
    [
        ("format", "other", "expected a store of szmass"),
        (
            "format_version",
            0,
            r"format_version = 0: .* reads 1; make the store again \(dvc repro\)",
        ),
        ("format_version", 2, "format_version = 2"),
        ("title", "clusters of another kind", "expected 'simulated 150 GHz cutouts"),
    ],
)
def test_stores_of_another_kind_or_format_are_refused(store, attribute, value, message):
    file = store / "zarr.json"
    content = json.loads(file.read_text())
    content["attributes"][attribute] = value
    file.write_text(json.dumps(content))
    with pytest.raises(StoreError, match=message) as caught:
        MapStore(store, TITLE)
    assert str(store) in str(caught.value)


def damages(content: bytes, rng: np.random.Generator) -> dict[str, bytes | None]:
    """Missing, empty, cut off, or with one bit of a third flipped."""
    flipped = bytearray(content)
    flipped[rng.integers(len(content) // 3, 2 * len(content) // 3)] ^= 1 << int(rng.integers(8))
    cut = content[: rng.integers(1, len(content))]
    return {"missing": None, "empty": b"", "cut off": cut, "flipped": bytes(flipped)}


def test_every_damaged_file_is_noticed(store):
    rng, good = np.random.default_rng(5), read_all(store)
    for name, content in files(store).items():
        file = store / name
        for kind, damaged in damages(content, rng).items():
            if damaged is None:
                file.unlink()
            else:
                file.write_bytes(damaged)
            if kind == "flipped" and name.endswith("zarr.json"):
                # a bit of a description may flip, never one of the data
                with suppress(StoreError):
                    found = read_all(store)
                    assert all(np.array_equal(found[key], good[key]) for key in good)
            else:
                with pytest.raises(StoreError, match=str(store)):
                    read_all(store)
            file.write_bytes(content)
    assert_holds(store, 7)


def test_a_store_is_replaced_whole(store, spec):
    with replacing(store, spec, provenance={"seed": 8}) as unfinished:
        assert_holds(store, 7)
        fill(unfinished, spec, 8)
        (unfinished / "sz_uk" / "c" / "0.partial").touch()
        assert_holds(store, 7)
    assert_holds(store, 8)
    assert MapStore(store, TITLE).attributes["seed"] == 8
    assert [path.name for path in store.parent.iterdir()] == [store.name]
    assert not list(store.rglob("*.partial"))


def test_a_second_writer_is_refused_and_does_not_touch_the_first(store, spec):
    with replacing(store, spec, provenance={"seed": 8}) as unfinished:
        fill(unfinished, spec, 8)
        with (
            pytest.raises(
                OutputError, match=rf"{store}: process {os.getpid()} on .* is writing it"
            ),
            replacing(store, spec, provenance={"seed": 9}),
        ):
            raise AssertionError
    assert_holds(store, 8)


@pytest.mark.parametrize(
    ("error", "seen"),
    [
        (RuntimeError("a"), RuntimeError),
        (KeyboardInterrupt(), KeyboardInterrupt),
        (OSError(28, "No space left"), OutputError),
    ],
)
def test_an_error_leaves_the_old_store_whole(store, spec, error, seen):
    before = files(store)

    def fail_half_way() -> None:
        with replacing(store, spec, provenance={"seed": 8}) as unfinished:
            write_rows(unfinished, slice(0, 64), {"sz_uk": arrays(8)["sz_uk"][:64]})
            raise error

    with pytest.raises(seen):
        fail_half_way()
    assert files(store) == before
    assert [path.name for path in store.parent.iterdir()] == [store.name]


@pytest.fixture
def checkout(tmp_path, tiny_store, spectra_table) -> Checkout:
    """A checkout whose microwave line is at scale smoke and whose store is that of `tiny`."""
    made = Checkout.create(tmp_path / "checkout")
    settings = YAML().load(made.path / "params.yaml")
    for name, maps in {"train_maps": 400, "scatter_maps": 4000}.items():
        settings["microwave_sets"][name] = maps
    settings["microwave"]["pixels"] = 16
    YAML().dump(settings, made.path / "params.yaml")
    for source, target in (
        (spectra_table, settings["paths"]["spectra_table"]),
        (tiny_store, settings["paths"]["microwave_store"]),
    ):
        subprocess.run(["cp", "-r", source, made.path / target], check=True)
    return made


def microwave_store(checkout: Checkout) -> Path:
    return checkout.path / "data" / "microwave.zarr"


def test_ctrl_c_leaves_the_old_store_and_no_process(checkout, tiny_store):
    """The terminal's Ctrl-C: SIGINT to every process of the group, workers included."""
    process = subprocess.Popen(
        [sys.executable, "-m", "szmass", "simulate_microwave"], cwd=checkout.path,
        env=checkout.environment(PYTHONPATH="src"), text=True, start_new_session=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert process.stderr is not None
    store = microwave_store(checkout)
    unfinished = store.with_name(store.name + ".unfinished")
    while not list(unfinished.glob("temperature_uk/c/*")):
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.01)
    family = psutil.Process(process.pid).children(recursive=True)
    assert len(family) >= 2
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGINT
    assert errors.rstrip().endswith("szmass simulate_microwave: interrupted")
    gone, alive = psutil.wait_procs(family, timeout=20)
    assert len(gone) == len(family)
    assert alive == []
    assert files(store) == files(tiny_store)
    assert not unfinished.exists()


@pytest.fixture
def limit_disk(tmp_path) -> Iterator[Callable[[], Callable[[], None] | None]]:
    """Makes `tmp_path/checkout/data` a file system of 24 MB.

    Where that may not be done, returns what a process must call so that it can write no file of
    more than half a megabyte.
    """
    folder, kept = tmp_path / "checkout" / "data", tmp_path / "kept"
    mounted = []

    def limit() -> Callable[[], None] | None:
        folder.rename(kept)
        folder.mkdir()
        command = ["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(folder)]
        if subprocess.run(command, check=False, capture_output=True).returncode == 0:
            mounted.append(folder)
        subprocess.run(["cp", "-r", f"{kept}/.", folder], check=True)
        if mounted:
            return None
        return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (500_000, 500_000))

    yield limit
    for path in mounted:
        subprocess.run(["umount", str(path)], check=True)


def test_a_full_disk_leaves_the_old_store_whole(checkout, limit_disk, tiny_store):
    failed = subprocess.run(
        [sys.executable, "-m", "szmass", "simulate_microwave"], cwd=checkout.path,
        env=checkout.environment(PYTHONPATH="src"), capture_output=True, text=True,
        preexec_fn=limit_disk(), check=False,
    )  # fmt: skip
    store = microwave_store(checkout)
    assert failed.returncode == 1
    assert re.search(
        r"microwave.zarr: could not be written \((No space left on device|File too large)\); "
        "what was there is unchanged", failed.stderr,
    )  # fmt: skip
    assert files(store) == files(tiny_store)
    assert {path.name for path in store.parent.iterdir()} == {
        "microwave.zarr", "reference", "spectra.csv",
    }  # fmt: skip
