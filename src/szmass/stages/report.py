"""Writes the report: both papers, figure by figure and table by table, beside our results."""

from __future__ import annotations

from pathlib import Path

from szmass.report.page import write_report


def report(
    *, results: Path, microwave_verdict: Path, compton_verdict: Path, report_page: Path
) -> None:
    """Writes the page; it shows the studies that were run as well, which it does not wait for."""
    write_report(
        report_page,
        results=results,
        microwave_verdict=microwave_verdict,
        compton_verdict=compton_verdict,
    )
