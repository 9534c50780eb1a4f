"""Weighs the clusters of PSZ2, once the gate has passed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from szmass.params import Compton
from szmass.planck.catalogue import read_psz2
from szmass.planck.stores import open_psz2_store
from szmass.reporting import Run
from szmass.sky.redshift_bins import redshift_bin
from szmass.storage.mass_tables import write_mass_tables
from szmass.units import MASS_UNIT_MSUN
from szmass.weighing.judgement.gate import require_passed_gate
from szmass.weighing.record import Record
from szmass.weighing.training.make_record import PSZ2
from szmass.weighing.weigher import Weigher

LABELS = ("glon_deg", "glat_deg", "redshift", "msz_1e14_msun", "masked_fraction")
BESIDE = {
    "cnn_msun": "m500_ensemble_msun",
    "cnn_posterior_msun": "m500_msun",
    "cnn_posterior_msun_p16": "m500_msun_p16",
    "cnn_posterior_msun_p84": "m500_msun_p84",
}
"""Columns of the CNN's masses, by their names beside ours."""


def weigh_psz2(
    bins: Mapping[str, list[float]],
    compton: Compton,
    *,
    weighing_verdict: Path,
    weighing_microwave_verdict: Path,
    weighing_record: Path,
    psz2_store: Path,
    psz2_catalogue: Path,
    psz2_cnn_masses_csv: Path,
    psz2_masses_fits: Path,
    psz2_masses_csv: Path,
    run: Run,
) -> None:
    """Writes the mass catalogue, with the CNN's masses beside."""
    require_passed_gate(weighing_verdict, weighing_record)
    require_passed_gate(weighing_microwave_verdict)
    weigher = Weigher(Record.read(weighing_record))
    psz2 = open_psz2_store(psz2_store)
    names = read_psz2(psz2_catalogue).at(psz2.read("catalogue_row")).name
    labels = {name: psz2.read(name) for name in LABELS}
    inputs = weigher.inputs(psz2.read("compton_y"), labels["redshift"])
    masses = weigher(inputs, prior=PSZ2, gas=compton.gas)
    unusual = weigher.novelty(inputs, masses["m500_msun"])
    by_cnn = pd.read_csv(psz2_cnn_masses_csv).set_index("name").loc[names]
    msz_msun = labels["msz_1e14_msun"] * MASS_UNIT_MSUN
    index, facts = redshift_bin(labels["redshift"], bins), weigher.record.facts
    columns = {
        "name": names,
        **labels,
        "bin": np.array([*bins, ""])[index],
        "golden": psz2.read("golden") == 1,
        **masses,
        "signal_to_noise": unusual["signal_to_noise"],
        "out_of_range": unusual["flags"] != "",
        "out_of_range_reason": unusual["flags"],
        **{ours: by_cnn[theirs].to_numpy(float) for ours, theirs in BESIDE.items()},
        "m500_true_msun": psz2.read("m500c_true_msun"),
        "relerr": 1.0 - msz_msun / masses["m500_msun"],
        "model_version": np.full(len(names), facts.model_version),
    }
    said = {
        "SKY": str(psz2.attributes["sky"]),
        "MODEL": facts.model_version,
        "PRIOR": PSZ2,
        "GAS": compton.gas,
    }
    write_mass_tables(psz2_masses_fits, psz2_masses_csv, columns, said)
    for path in (psz2_masses_fits, psz2_masses_csv):
        run.artifact(path)
