"""What `szmass predict` prints says what its intervals are of, and what they leave out."""

from __future__ import annotations

import json
import re
from pathlib import Path

from szmass.predict.command import RELEASE, Answer, Models

MASSES = {"_p2p5": 3e14, "_p16": 4e14, "": 5e14, "_p84": 6e14, "_p97p5": 7e14}
ANSWER = Answer(
    names=["near", "far"],
    columns={f"m500_msun{name}": [mass, 2 * mass] for name, mass in MASSES.items()}
    | {
        "redshift": [0.3, 0.6],
        "bin": ["z3", "z4"],
        "log10_m500": [14.7, 15.0],
        "out_of_range": [False, True],
        "out_of_range_reason": ["", "mass above those of the training"],
    },
    problems=[],
    models=Models(RELEASE, Path("cnn"), Path("cnn_posterior"), "laptop", 2048),
    model_version="1",
    made_with="two networks",
    priors={"z3": "many clusters"},
)


def test_the_table_has_a_row_a_cluster_and_says_what_its_intervals_are() -> None:
    table, _, below = ANSWER.as_text().partition("\n\n")
    near, far = table.splitlines()[1:]
    assert re.split("  +", near) == ["near", "0.3", "5.00", "4.00 - 6.00", "3.00 - 7.00", "no"]
    assert far.endswith("mass above those of the training")
    assert below.splitlines()[:3] == [
        "intervals: of the paper's posterior, which knows the redshift bin alone;",
        "they do not include the uncertainty of the gas",
        "models: released with szmass, trained at scale laptop",
    ]


def test_json_keeps_the_keys_of_version_0_that_still_mean_something() -> None:
    content = json.loads(ANSWER.as_json())
    assert content["prior"] == {"z3": "many clusters"}
    assert content["clusters"][1] == {
        "name": "far",
        "redshift": 0.6,
        "bin": "z4",
        **{f"m500_msun{name}": 2 * mass for name, mass in MASSES.items()},
        "log10_m500": 15.0,
        "out_of_range": True,
        "out_of_range_reason": "mass above those of the training",
    }
