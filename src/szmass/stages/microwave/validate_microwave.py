"""Validates the microwave line's maps."""

from __future__ import annotations

from pathlib import Path

from szmass.microwave.checks.statistics import MapStatistics
from szmass.microwave.checks.tables import microwave_tables
from szmass.microwave.maps.samples import open_microwave_store
from szmass.microwave.maps.sky import MicrowaveSky
from szmass.microwave.maps.spectra_table import read_spectra
from szmass.params import Microwave, MicrowaveSets
from szmass.reporting import Run
from szmass.validation.expectations import check


def validate_microwave(
    microwave: Microwave,
    microwave_sets: MicrowaveSets,
    *,
    spectra_table: Path,
    microwave_store: Path,
    microwave_verdict: Path,
    microwave_docs: Path,
    run: Run,
) -> None:
    """Writes and reports the verdict on the maps, and pages that show it; fails where they do.

    Raises:
        ChecksFailedError: something does not hold of the maps; the verdict and the pages are
            written all the same.
    """
    store = open_microwave_store(microwave_store)
    sky = MicrowaveSky(microwave, read_spectra(spectra_table))
    statistics = MapStatistics(sky, microwave.eigenvalue_cut)
    verdict = check(microwave_tables(store, microwave_sets, statistics), microwave_docs)
    verdict.conclude(microwave_verdict, microwave_docs, run)
