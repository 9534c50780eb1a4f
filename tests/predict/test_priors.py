"""A user's table of a prior is read as it says, or one line names its file, line and value."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from szmass.errors import SzmassError
from szmass.predict.priors import LARGEST_PRIOR_BYTES, read_prior
from szmass.weighing.priors import TabulatedPrior

AXIS = np.linspace(13.3, 17.0, 371)
GOOD = "redshift,log10_msun,density\n0.1,14,1\n0.1,15,3\n0.4,14,0\n0.4,16,2\n"


def read(path: Path, content: str | bytes) -> TabulatedPrior:
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return read_prior(path, AXIS)


@pytest.mark.parametrize(
    "content",
    [
        "log10_msun,density\n14,1\n15,3\n",
        "density,log10_msun\n1,14\n3,15\n",
        "\ufefflog10_msun, density\r\n14, 1\r\n\r\n15, 3\r\n",
        '"log10_msun","density"\n"14","1"\n15,3',
    ],
)
def test_a_table_is_linear_between_its_rows_and_nothing_outside(
    tmp_path: Path, content: str
) -> None:
    prior = read(tmp_path / "p.csv", content)
    density = np.exp(prior.ln_density(np.array([0.01, 0.9]), AXIS))
    expected = np.interp(AXIS, [14.0, 15.0], [0.5, 1.5], left=0.0, right=0.0)
    np.testing.assert_allclose(density, [expected, expected], rtol=0.011, atol=1e-12)


def test_a_redshift_column_interleaved_or_not(tmp_path: Path) -> None:
    lines = GOOD.splitlines()
    mixed = "\n".join([lines[0], lines[3], lines[1], lines[4], lines[2]])
    one, other = (read(tmp_path / "p.csv", content) for content in (GOOD, mixed))
    redshift = np.array([0.05, 0.25, 0.8])
    found = one.ln_density(redshift, AXIS)
    np.testing.assert_array_equal(other.ln_density(redshift, AXIS), found)
    near, far = (np.exp(found[row]) for row in (0, 2))
    np.testing.assert_allclose(np.exp(found[1]), (near + far) / 2.0, rtol=1e-9)


BAD = {
    "": r": is empty \(0 bytes\)",
    "log10_msun,density\n": ": no rows: expected a mass and its density in each",
    "mass,density\n14,1\n": ", line 1: columns mass, density: expected log10_msun, density, and",
    "log10_msun,density,density\n14,1,1\n": ", line 1: columns log10_msun, density, density: exp",
    "log10_msun,density\n14,1\n15,-1\n": ", line 3: density = '-1': expected a density, from 0",
    "log10_msun,density\n14,1\n15,nan\n": ", line 3: density = 'nan': expected a density, from",
    "log10_msun,density\n14,inf\n15,1\n": ", line 2: density = 'inf': expected a density, from",
    "log10_msun,density\n14,1\n\n15,x\n": ", line 4: density = 'x': expected a density",
    "log10_msun,density\n14,1\n15\n": r", line 3: 1 cells: expected 2 \(log10_msun, density\)",
    "log10_msun,density\n14,5;1\n": ", line 2: density = '5;1': expected a density",
    "log10_msun,density\n14,0,5\n": ", line 2: 3 cells: expected 2",
    "log10_msun,density\n3e14,1\n5e14,1\n": ", line 2: log10_msun = '3e14': expected the log10 of",
    "log10_msun,density\n14,1\n14,2\n": ", line 3: log10_msun = 14 after 14: expected masses that",
    "log10_msun,density\n15,1\n16,1\n14,2\n": ", line 4: log10_msun = 14 after 16: expected",
    "log10_msun,density\n14,1\n": ", line 2: the only row: expected at least two",
    "log10_msun,density\n14,0\n15,0\n": ": density = 0 in every row: expected one above 0",
    "log10_msun,density\n10,1\n11,1\n": ": log10_msun from 10 to 11: expected a density above 0 so",
    "redshift,log10_msun,density\n-1,14,1\n": ", line 2: redshift = '-1': expected a redshift",
    "redshift,log10_msun,density\n0.1,14,1\n0.2,14,1\n": ", line 2: the only row at redshift = 0.1",
    GOOD + "0.4,15,1\n": ", line 6: log10_msun = 15 after 16 at redshift = 0.4: expected masses",
    GOOD + "".join(f"{0.5 + z / 1e4:.4f},14,1\n" for z in range(300)): ": 302 redshifts: expected",
    "log10_msun,density\n" + "14,1\n" * LARGEST_PRIOR_BYTES: ": has .* MiB: expected at most 4 MiB",
    "log10_msun,density\n14,\0\n": ", line 2: density = ",
}


@pytest.mark.parametrize("content", BAD, ids=range(len(BAD)))
def test_a_bad_table_is_one_line_with_its_place(tmp_path: Path, content: str) -> None:
    with pytest.raises(SzmassError) as told:
        read(tmp_path / "p.csv", content)
    assert re.fullmatch(re.escape(f"{tmp_path / 'p.csv'}") + BAD[content] + ".*", str(told.value))


@given(place=st.integers(0, len(GOOD) - 1), byte=st.binary(min_size=0, max_size=2))
@settings(max_examples=300, deadline=None)
def test_a_changed_table_is_a_density_or_a_line(
    tmp_path_factory: pytest.TempPathFactory, place: int, byte: bytes
) -> None:
    path = tmp_path_factory.getbasetemp() / "changed.csv"
    content = GOOD.encode()
    problem = ""
    try:
        prior = read(path, content[:place] + byte + content[place + 1 :])
    except SzmassError as error:
        problem = str(error)
    if problem:
        assert problem.startswith(str(path))
        assert "\n" not in problem
    else:
        found = prior.ln_density(np.array([0.01, 0.2, 1.0]), AXIS)
        assert np.isfinite(found).all()
