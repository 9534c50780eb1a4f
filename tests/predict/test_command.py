"""What `szmass predict` prints says what its intervals leave out."""

from __future__ import annotations

from pathlib import Path

import pytest

from szmass.predict.command import RELEASE, Answer, Models


def answer(*systematic_dex: float) -> Answer:
    """Of clusters that are alike but for the shift by other baryon models."""
    count = len(systematic_dex)
    masses = {
        f"m500_msun{name}": [5e14] * count for name in ("", "_p2p5", "_p16", "_p84", "_p97p5")
    }
    columns = masses | {"redshift": [0.3] * count, "out_of_range_reason": [""] * count}
    return Answer(
        names=[f"cluster {number}" for number in range(count)],
        columns=columns | {"systematic_dex": systematic_dex},
        problems=[],
        models=Models(RELEASE, Path("cnn"), Path("cnn_posterior"), "laptop", 2048),
        model_version="1",
        made_with="two networks",
        priors={},
    )


@pytest.mark.parametrize(
    ("systematic_dex", "words"),
    [
        ((0.04, 0.1), "at most 26 % here (systematic_dex of --json)"),  # 10^0.1 = 1.259
        ((0.04,), "at most 10 % here (systematic_dex of --json)"),  # 10^0.04 = 1.096
        ((0.0, 0.0), "which is not known here"),
    ],
)
def test_the_shift_by_other_baryon_models_is_told(
    systematic_dex: tuple[float, ...], words: str
) -> None:
    line = f"intervals: without what other baryon models would shift, {words}"
    table, _, below = answer(*systematic_dex).as_text().partition("\n\n")
    assert len(table.splitlines()) == 1 + len(systematic_dex)
    assert below.splitlines()[0] == line
