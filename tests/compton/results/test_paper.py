"""The paper's numbers are the paper's, and stand beside their counterparts alone."""

from __future__ import annotations

from szmass.compton.results.paper import PAPER_BINS, PAPER_RELERR, beside_paper, paper_metrics


def test_every_number_of_the_papers_table_is_there() -> None:
    for data_set in ("clean", "planck"):
        rows = [(name, cut) for (one, name, cut) in PAPER_RELERR if one == data_set]
        assert sorted(rows) == sorted(
            [(name, cut) for name in PAPER_BINS.values() for cut in ("", "_above_5e14")]
            + [("z1", "_below_3e14")]
        )
    # the paper's text: -0.02 +0.09 -0.10 (0.001) and -0.03 +0.14 -0.17 (0.002); 10 % and 17 %
    clean, planck = (paper_metrics(data_set, (0.0, 1.0)) for data_set in ("clean", "planck"))
    assert clean["relerr_half_width_selected"] == 0.095
    assert planck["relerr_half_width_selected"] == 0.155
    assert planck["relerr_p16_selected"] == -0.20
    assert planck["scatter_dex_selected"] == 0.0710
    assert planck["kurtosis_selected"] == 7.2888


def test_the_papers_numbers_stand_beside_their_counterparts_alone() -> None:
    ours = {"relerr_median_selected": 0.01, "relerr_median_ensemble": 0.0}
    beside = beside_paper(ours, "planck", (0.1, 0.2))
    assert beside["paper_relerr_median_selected"] == 0.01
    assert set(beside) - set(ours) == {"paper_relerr_median_selected"}
    assert list(beside) == sorted(beside)
    assert beside_paper(ours, "planck", (0.1, 0.3)) == ours
