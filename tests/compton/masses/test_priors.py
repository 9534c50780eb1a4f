"""Priors by name."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from szmass.compton.masses.priors import PriorError, named_prior

AXIS = np.linspace(13.5, 15.5, 5)


def test_the_named_priors(tmp_path: Path) -> None:
    assert named_prior("training", AXIS) is None
    np.testing.assert_array_equal(named_prior("flat", AXIS), np.ones(5))
    (tmp_path / "p.csv").write_text("log10_msun,density\n14.0,2\n15.0,0\n")
    density = named_prior(str(tmp_path / "p.csv"), AXIS)
    assert density is not None
    np.testing.assert_allclose(density, [0, 2, 1, 0, 0])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("mass,density\n1,2\n2,3\n", "p.csv: columns mass,density: expected training, flat, or"),
        ("log10_msun,density\n14,2\n", "p.csv: 1 rows of 2 columns: expected at least two rows"),
        ("log10_msun,density\n14,2\n13,2\n", "masses ascending"),
        ("log10_msun,density\n14,0\n15,0\n", "not all 0"),
        ("log10_msun,density\n14,-1\n15,1\n", "densities 0 or more"),
        ("log10_msun,density\n14,x\n", "cannot be read"),
        ("log10_msun,density\n14\n15\n", "2 rows of 1 columns: expected"),
        ("log10_msun,density\n14,1,2\n15,1,2\n", "2 rows of 3 columns: expected"),
        ("log10_msun,density\n14,inf\n15,1\n", "all finite numbers"),
    ],
)
def test_a_bad_table_is_named(tmp_path: Path, content: str, message: str) -> None:
    (tmp_path / "p.csv").write_text(content)
    with pytest.raises(PriorError, match=message):
        named_prior(str(tmp_path / "p.csv"), AXIS)


def test_an_unknown_prior_is_told(tmp_path: Path) -> None:
    with pytest.raises(PriorError, match="prior 'falt' cannot be read .*: expected training, flat"):
        named_prior("falt", AXIS)
