"""The paper's numbers are the paper's, and stand beside their counterparts alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from helpers import ROOT
from szmass.compton.results.paper import DeAndres2022
from szmass.evaluation.papers import PaperError, beside_paper, read_paper, stated_values

REFERENCE = ROOT / "data" / "reference"
PAPER = DeAndres2022.read(REFERENCE / "de_andres_2022.yaml")
ALL_REDSHIFTS = (0.0, 1.0)


def test_every_number_of_the_papers_table_is_there() -> None:
    for section, groups in (("mocks", ("clean", "planck")), ("real", ("msz", "msz_golden"))):
        for group in groups:
            by_bin = PAPER.content[section]["relative_error"][group]
            assert set(by_bin) == set(PAPER.content["bins"])
            for name, cuts in by_bin.items():
                lowest = {"below_3e14"} if name == "z1" else set()
                assert set(cuts) == {"all_masses", "above_5e14"} | lowest
    # the paper's text: -0.02 +0.09 -0.10 (0.001) and -0.03 +0.14 -0.17 (0.002); 10 % and 17 %
    clean, planck = (PAPER.of_mocks(data_set, ALL_REDSHIFTS) for data_set in ("clean", "planck"))
    assert clean["relerr_half_width_selected"] == 0.095
    assert planck["relerr_half_width_selected"] == 0.155
    assert planck["relerr_p16_selected"] == -0.20
    assert planck["scatter_dex_selected"] == 0.0710
    assert planck["kurtosis_selected"] == 7.2888
    real = PAPER.of_real("msz", ALL_REDSHIFTS)
    assert real["relerr_clusters_msz"] == 1094
    assert real["relerr_p16_msz_above_5e14"] == 0.03


def test_the_papers_numbers_stand_beside_their_counterparts_alone() -> None:
    ours = {"relerr_median_selected": 0.01, "relerr_median_ensemble": 0.0}
    beside = beside_paper(ours, PAPER.of_mocks("planck", (0.1, 0.2)))
    assert beside["paper_relerr_median_selected"] == 0.01
    assert set(beside) - set(ours) == {"paper_relerr_median_selected"}
    assert list(beside) == sorted(beside)
    assert beside_paper(ours, PAPER.of_mocks("planck", (0.1, 0.3))) == ours
    assert PAPER.of_real("msz", (0.1, 0.3)) == {}


def test_each_number_of_gupta_and_reichardt_has_its_place() -> None:
    content = read_paper(REFERENCE / "gupta_reichardt_2020.yaml", "microwave", "hydro")
    for section in ("microwave", "hydro"):
        assert all(entry["place"].startswith("Sec. 4") for entry in content[section].values())
    stated = stated_values(content["microwave"])
    assert beside_paper({"scatter_ln_mass_gauss": 0.17, "scatter_ln_mass": 0.18}, stated) == {
        "paper_scatter_ln_mass_gauss": 0.180,
        "scatter_ln_mass": 0.18,
        "scatter_ln_mass_gauss": 0.17,
    }
    assert stated_values(content["hydro"])["scatter_ln_mass_gauss"] == 0.232


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [", "paper.yaml: cannot be read as YAML"),
        ("hydro: 3", "paper.yaml: hydro: expected a section of the paper's numbers"),
        ("microwave: {}", "paper.yaml: hydro: expected a section"),
    ],
)
def test_a_damaged_file_is_named(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "paper.yaml").write_text(text)
    with pytest.raises(PaperError, match=message):
        read_paper(tmp_path / "paper.yaml", "hydro")
    with pytest.raises(PaperError, match="none.yaml: cannot be read"):
        read_paper(tmp_path / "none.yaml")
