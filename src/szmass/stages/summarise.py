"""Writes the few numbers that a person asks for first."""

from __future__ import annotations

from pathlib import Path

from szmass.report.summary import write_summary


def summarise(
    *,
    weighing_metrics: Path,
    microwave_metrics: Path,
    hydro_metrics: Path,
    cnn_metrics: Path,
    psz2_metrics: Path,
    summary: Path,
) -> None:
    """Writes `metrics/summary.json`, by which DVC compares experiments."""
    files = {
        "weighing": weighing_metrics,
        "microwave": microwave_metrics,
        "hydro": hydro_metrics,
        "cnn": cnn_metrics,
        "psz2": psz2_metrics,
    }
    write_summary(summary, files)
