from dataclasses import replace

import numpy as np
import pytest

from helpers import ROOT
from szmass.microwave.maps.spectra_table import (
    GEORGE2015_COLUMNS,
    SpectraFileError,
    read_george2015,
    read_spectra,
    write_spectra,
)
from szmass.sky.spectra import COMPONENTS
from szmass.stages.microwave.tabulate_spectra import tabulate_spectra


@pytest.fixture
def written(tmp_path):
    path = tmp_path / "new" / "spectra.csv"
    write_spectra(path, {name: np.arange(5.0) + i for i, name in enumerate(COMPONENTS)})
    return path


def test_what_was_written_is_read(written):
    spectra = read_spectra(written)
    assert tuple(spectra) == COMPONENTS
    for i, name in enumerate(COMPONENTS):
        np.testing.assert_array_equal(spectra[name], np.arange(5.0) + i)


def test_nine_digits_are_kept(dl_uk2, tmp_path):
    path = tmp_path / "spectra.csv"
    write_spectra(path, dl_uk2)
    for name, dl in read_spectra(path).items():
        np.testing.assert_allclose(dl, dl_uk2[name], rtol=1e-8)


def test_the_stage_writes_the_same_bytes_twice(params, tmp_path):
    quick = replace(params.spectra, lmax=3200, camb_lmax=3000, lens_potential_accuracy=1.0)
    paths = [tmp_path / name for name in ("a.csv", "b.csv")]
    for path in paths:
        tabulate_spectra(quick, george2015=ROOT / params.paths["george2015"], spectra_table=path)
    assert paths[0].read_bytes() == paths[1].read_bytes()
    spectra = read_spectra(paths[0])
    assert {len(dl) for dl in spectra.values()} == {3201}
    assert spectra["cmb"][3000] == pytest.approx(28.2, rel=0.02)
    assert spectra["dsfg_poisson"][3000] == pytest.approx(9.415, rel=2e-3)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("ell,", "l,", "no column 'ell'"),
        (",radio", ",radyo", "no column 'radio'"),
        ("\n2,", "\n3,", "column ell: expected the multipoles 0, 1, 2"),
        ("\n2,", "\ntwo,", "column 'ell' holds something that is no number"),
        ("\n2,2.00000000e+00", "\n2,nan", "column 'cmb' holds something that is no number"),
        ("\n2,2.00000000e+00", "\n2,", "column 'cmb' holds something that is no number"),
    ],
)
def test_a_damaged_table_is_named_with_its_column(written, old, new, message):
    text = written.read_text()
    assert old in text
    written.write_text(text.replace(old, new, 1))
    with pytest.raises(SpectraFileError, match=message) as caught:
        read_spectra(written)
    assert str(written) in str(caught.value)


@pytest.mark.parametrize(
    "content", [b"", b"\xff\xfe\x00\x01", b'"a\n1', b"ell,cmb\n1,2,3,4\n1\n5,6,7"]
)
def test_a_file_that_is_no_table(tmp_path, content):
    path = tmp_path / "spectra.csv"
    path.write_bytes(content)
    with pytest.raises(SpectraFileError, match=str(path)):
        read_spectra(path)


def test_no_file(tmp_path):
    with pytest.raises(SpectraFileError, match="No such file"):
        read_spectra(tmp_path / "spectra.csv")


def test_multipoles_missing_from_george2015_are_noticed(tmp_path):
    path = tmp_path / "george.csv"
    columns = ",".join(GEORGE2015_COLUMNS.values())
    rows = [f"{ell}," + ",".join("1" * len(GEORGE2015_COLUMNS)) for ell in (10, 11, 13)]
    path.write_text("\n".join([f"ell,{columns}", *rows]))
    with pytest.raises(SpectraFileError, match="column ell: expected consecutive multipoles"):
        read_george2015(path)
