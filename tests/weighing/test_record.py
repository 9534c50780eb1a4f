"""A record gives the same masses after it was written, and says which file is none, and why."""

import json
import pickle
import zipfile
from contextlib import suppress
from typing import Any

import numpy as np
import pytest

from helpers.toy_weighing import linear_network, toy_ensemble, toy_inputs, toy_record
from szmass.weighing.filters import LevelMeter
from szmass.weighing.priors import Population
from szmass.weighing.record import FORMAT_VERSION, Record, RecordError
from szmass.weighing.weigher import Weigher


@pytest.fixture(scope="module")
def record():
    rng = np.random.default_rng(1)
    population = Population(rng.uniform(0.1, 0.5, 20), rng.normal(14.5, 0.2, 20), 0.15, 0.12)
    networks = (
        linear_network(slope=1.0, offset=offset, sigma=sigma)
        for offset, sigma in ((-3.0, 0.2), (-3.1, 0.25))
    )
    return toy_record(toy_ensemble(*networks), population)


@pytest.fixture
def path(record, tmp_path):
    path = tmp_path / "planck.npz"
    record.write(path)
    return path


def refusal(path):
    with pytest.raises(RecordError) as caught:
        Record.read(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert "dvc repro train_weighing" in message
    assert "\n" not in message
    return message


def rewrite(path, *, drop=(), facts=None, **replaced):
    """Writes the record's arrays again, some of them other ones, or none."""
    with np.load(path) as file:
        arrays = {name: values for name, values in dict(file).items() if name not in drop}
    if facts is not None:
        arrays["facts"] = np.array(json.dumps(facts))
    np.savez_compressed(path, **(arrays | replaced))


def facts_of(path):
    with np.load(path) as file:
        return json.loads(str(file["facts"]))


def test_masses_of_a_record_that_was_read(record, path):
    inputs = toy_inputs(np.geomspace(1.0, 300.0, 7))
    before, after = (
        Weigher(one)(inputs, prior="psz2", gas="magneticum") for one in (record, Record.read(path))
    )
    assert list(before) == list(after)
    for name, masses in before.items():
        np.testing.assert_array_equal(masses, after[name])


def test_what_is_read_is_what_was_written(record, path):
    again = Record.read(path)
    assert again.facts == record.facts
    np.testing.assert_array_equal(again.bank.filters, record.bank.filters)
    np.testing.assert_array_equal(again.bank.noise_covariance, record.bank.noise_covariance)
    meter = again.meter
    assert isinstance(meter, LevelMeter)
    assert meter.outside.sum() == (record.facts.grid.radius_arcmin > 8.0).sum()


def test_the_same_record_gives_the_same_bytes(record, path, tmp_path):
    second = tmp_path / "later" / "second.npz"
    record.write(second)
    assert second.read_bytes() == path.read_bytes()
    third = tmp_path / "third.npz"
    Record.read(path).write(third)
    assert third.read_bytes() == path.read_bytes()
    assert not list(tmp_path.rglob("*.unfinished"))


def test_no_file(tmp_path):
    assert "no such file" in refusal(tmp_path / "planck.npz")


@pytest.mark.parametrize("content", [b"", b"no record", b"\x89PNG\r\n", b"PK\x03\x04"], ids=repr)
def test_a_foreign_file(tmp_path, content):
    path = tmp_path / "planck.npz"
    path.write_bytes(content)
    assert "expected a record of weighing" in refusal(path)


def test_a_folder(tmp_path):
    assert "expected a record of weighing" in refusal(tmp_path)


@pytest.mark.parametrize("share", [0.02, 0.3, 0.6, 0.9, 0.999])
def test_a_file_that_is_cut_short(path, share):
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    assert "expected a record of weighing" in refusal(path)


@pytest.mark.parametrize("place", np.linspace(0.005, 0.95, 24).tolist())
def test_a_byte_that_is_flipped_is_no_traceback(record, path, place):
    """It is noticed, or it was of no importance: a time in the archive, say."""
    content = bytearray(path.read_bytes())
    content[int(place * len(content))] ^= 0xFF
    path.write_bytes(content)
    with suppress(RecordError):
        again = Record.read(path)
        assert again.facts == record.facts
        np.testing.assert_array_equal(again.bank.filters, record.bank.filters)


def test_an_array_alone(path):
    with path.open("wb") as file:
        np.save(file, np.zeros(3))
    assert "expected a record of weighing" in refusal(path)


def test_a_pickle_is_never_loaded(path):
    path.write_bytes(pickle.dumps({"facts": "{}"}))
    assert "expected a record of weighing" in refusal(path)


def test_a_pickled_array_is_never_loaded(path):
    rewrite(path, feature_centre=np.array([object], dtype=object))
    assert "expected a record of weighing" in refusal(path)


def test_other_arrays(path):
    np.savez(path, x=np.zeros(3))
    assert "facts" in refusal(path)


def test_a_zip_file_of_other_files(path):
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("facts", "{}")
    assert "expected a record of weighing" in refusal(path)


@pytest.mark.parametrize(
    "name", ["filters", "noise_covariance", "feature_scale", "population_redshift", "network_1_2"]
)
def test_an_array_that_lacks_is_named(path, name):
    rewrite(path, drop=[name])
    assert f"expected an array '{name}'" in refusal(path)


@pytest.mark.parametrize("version", [0, FORMAT_VERSION + 1, "1", None])
def test_another_version(path, version):
    rewrite(path, facts=facts_of(path) | {"format_version": version})
    message = refusal(path)
    assert f"format_version = {version!r}: expected {FORMAT_VERSION}" in message


@pytest.mark.parametrize("name", ["axis_nodes", "gas_prior", "y_scale"])
def test_a_fact_that_lacks_is_named(path, name):
    facts = facts_of(path)
    del facts[name]
    rewrite(path, facts=facts)
    assert f": {name}: expected the facts survey, " in refusal(path)


def test_a_fact_that_is_unknown_is_named(path):
    rewrite(path, facts=facts_of(path) | {"colour": "red"})
    assert ": colour: expected the facts survey, " in refusal(path)


@pytest.mark.parametrize("facts", [[], [1, 2], 3, "text"])
def test_facts_that_are_no_names_with_values(path, facts):
    rewrite(path, facts=facts)
    assert "expected a record of weighing" in refusal(path)


def test_facts_that_are_no_json(path):
    with np.load(path) as file:
        arrays: dict[str, Any] = dict(file)
    np.savez_compressed(path, **(arrays | {"facts": np.array("{survey")}))
    assert "expected a record of weighing" in refusal(path)


FACTS: dict[str, list[Any]] = {
    "pixels": [0, -12, 12.5, True, "12", 10**9],
    "pixel_arcmin": [0.0, -1.0, float("nan"), float("inf"), "2"],
    "redshifts": [[1.0, 0.1], [0.0, 1.0], [0.1], 0.1, [0.1, float("nan")]],
    "axis_nodes": [0, 10**8, 370],
    "networks": [0, 3, 10**6],
    "arrays_a_network": [1, 2, 5],
    "gas_models": [{}, {"a": {}}, {"a": {"alpha": 1, "log10_b": "x", "sigma_lny": 0.1}}, []],
    "reference_gas": ["gadget-x", None],
    "gas_prior": [{}, {"alpha": [1.0, -1.0], "log10_b": [0, 0], "sigma_lny": [0, 0]}],
    "gas_nodes": [0, 101],
    "survey": [None, 3],
    "level_variance": [0, -1e-3],
}
ARRAYS: dict[str, list[Any]] = {
    "filters": [np.zeros((1, 143)), np.zeros(144), np.full((1, 144), np.nan)],
    "noise_covariance": [np.zeros((1, 1)), np.ones((2, 2)), np.ones(1), -np.ones((1, 1))],
    "feature_scale": [np.zeros(8), np.ones(7), np.ones((8, 1))],
    "feature_centre": [np.zeros(7), np.zeros(30), np.zeros(8, dtype=int), np.array(["a"] * 8)],
    "population_redshift": [np.zeros(20), np.ones(19), np.ones(0)],
    "mass_function_density": [np.ones((26, 370)), np.zeros((26, 371)), np.ones((25, 371))],
    "mass_function_redshift": [np.linspace(1.0, 0.01, 26), np.ones(3)],
    "usual_chi2": [np.ones((2, 0)), np.ones((1, 2)), np.array([[1.0, 2.0], [0.0, 1.0]])],
    "usual_offset_arcmin": [np.array([[2.0, 1.0], [1.0, 1.0]])],
    "usual_elsewhere": [-np.ones(1), np.array([np.inf]), np.ones(2)],
    "network_1_0": [np.zeros((7, 3)), np.zeros((8, 4)), np.full((8, 3), np.inf)],
    "network_0_1": [np.zeros(4), np.zeros((3, 1))],
    "network_0_2": [np.zeros((8, 6)), np.zeros((9, 3))],
}


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, values in FACTS.items() for value in values]
)
def test_a_changed_fact_is_named(path, name, value):
    rewrite(path, facts=facts_of(path) | {name: value})
    message = refusal(path)
    # a number of arrays that is too large misses the arrays
    assert f"{name} = " in message or "array 'network_" in message or "mass_function_d" in message


@pytest.mark.parametrize(
    ("name", "number"), [(name, number) for name in ARRAYS for number in range(len(ARRAYS[name]))]
)
def test_a_changed_array_is_named(path, name, number):
    rewrite(path, **{name: ARRAYS[name][number]})
    message = refusal(path)
    # or one that no longer fits to it
    assert f"array '{name.partition('_')[0]}" in message


def test_a_number_that_was_changed_is_noticed(path):
    """Of the right shape and size: nothing but the digest tells."""
    with np.load(path) as file:
        scale = file["feature_scale"]
    scale[3] *= 1.001
    rewrite(path, feature_scale=scale)
    assert ": digest = '" in refusal(path)


def test_a_fact_that_was_changed_is_noticed(path):
    rewrite(path, facts=facts_of(path) | {"y_scale": 2.0})
    assert ": digest = '" in refusal(path)


def test_an_array_that_claims_more_than_it_has_takes_no_memory(path, tmp_path):
    """A header of 8 TB over a few bytes."""
    content = np.lib.format.magic(1, 0)
    header = b"{'descr': '<f8', 'fortran_order': False, 'shape': (1000000, 1000000), }"
    header = header.ljust(118 - 1) + b"\n"
    content += len(header).to_bytes(2, "little") + header + bytes(64)
    with np.load(path) as file:
        arrays = dict(file)
    np.savez(path, **{name: values for name, values in arrays.items() if name != "filters"})
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("filters.npy", content)
    assert "array 'filters' of shape (1000000, 1000000), float64: expected so much" in refusal(path)


def test_a_bomb_is_not_unpacked(path):
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros.npy", bytes(2**27))
    assert path.stat().st_size < 2**18
    assert "bytes of arrays: expected at most 134217728" in refusal(path)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_an_array_stands_once(path):
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("filters.npy", b"")
    assert "array 'filters' stands twice" in refusal(path)
