"""A record gives the same masses after it was written, and says which file is none, and why."""

import json
import pickle
import zipfile
from contextlib import suppress
from typing import Any

import numpy as np
import pytest

from helpers.toy_weighing import linear_network, toy_ensemble, toy_inputs, toy_record
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
    np.testing.assert_array_equal(again.meter.outside, record.meter.outside)
    assert again.meter.outside.sum() == (record.facts.grid.radius_arcmin > 8.0).sum()


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
