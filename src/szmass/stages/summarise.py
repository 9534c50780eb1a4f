"""Writes the few numbers that a person asks for first, and where ours are not the papers'."""

from __future__ import annotations

from pathlib import Path

from szmass.report.differences import DIFFERENCES, write_differences
from szmass.report.summary import write_summary


def summarise(
    *,
    weighing_metrics: Path,
    weighing_microwave_metrics: Path,
    microwave_metrics: Path,
    hydro_metrics: Path,
    cnn_metrics: Path,
    psz2_metrics: Path,
    summary: Path,
    differences_table: Path,
) -> None:
    """Writes `metrics/summary.json`, by which DVC compares experiments, and the differences.

    Numbers of the study `redshift_bins` are among them where it was run, which no stage waits for.
    """
    files = {
        "weighing": weighing_metrics,
        "weighing_microwave": weighing_microwave_metrics,
        "microwave": microwave_metrics,
        "hydro": hydro_metrics,
        "cnn": cnn_metrics,
        "psz2": psz2_metrics,
    }
    write_summary(summary, files)
    write_differences(differences_table, microwave_metrics.parent, DIFFERENCES)
