"""The page of a survey: what it can see, and how good its masses are."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from szmass.evaluation.charts import log_mass_axis, save
from szmass.predict.survey_files import SurveyFiles
from szmass.surveys.judging import MORE_SOURCES, SurveyJudgement
from szmass.weighing.judgement.gate import LEVELS, coverage, in_words

RATIOS = (5, 10, 20, 50, 100)
"""Signal-to-noise ratios that are named beside an axis."""


def draw_survey(path: Path, name: str, judgement: SurveyJudgement) -> None:
    """Three panels: the mass that is seen at 5 sigma by redshift, widths, and coverage."""
    import matplotlib.pyplot as plt

    figure, (seen, widths, held) = plt.subplots(1, 3, figsize=(12.0, 3.6), layout="constrained")
    redshift, mass = judgement.limits
    seen.plot(redshift, mass / 1e14, marker="o")
    seen.set(xlabel="redshift", title=f"{name}: mass at signal-to-noise 5")
    log_mass_axis(seen.yaxis, r"$M_{500\mathrm{c}}$")
    ratio, width = judgement.scatter
    widths.plot(ratio, width, marker="o")
    widths.set(
        xlabel="signal-to-noise", ylabel="half-width of 68 % [dex]", xscale="log", ylim=(0.0, None)
    )
    widths.set_xticks(RATIOS, [f"{ratio:g}" for ratio in RATIOS])
    widths.minorticks_off()
    widths.set_title("width of the mass intervals")
    ranks = judgement.calibration.rank
    levels = np.linspace(0.05, 0.99, 40)
    held.plot(levels, [coverage(ranks, level) - level for level in levels], label="as trained")
    if (more := judgement.more_sources) is not None:
        label = f"{MORE_SOURCES:g} times the point sources"
        held.plot(levels, [coverage(more, level) - level for level in levels], ls="--", label=label)
        held.legend(loc="lower left")
    held.axhline(0.0, color="0.6", lw=0.8)
    error = np.sqrt(levels * (1.0 - levels) / len(ranks))
    held.fill_between(levels, -2.0 * error, 2.0 * error, color="0.85", lw=0.0)
    held.set(
        xlabel="probability of the interval",
        ylabel="share of true masses held, less it",
        ylim=(-0.06, 0.06),
        title=f"coverage, {len(ranks)} test clusters",
    )
    save(figure, path)


def page_text(files: SurveyFiles, judgement: SurveyJudgement) -> str:
    """The page, in Markdown."""
    ranks = judgement.calibration.rank
    redshift, mass = judgement.limits
    limits = [f"| {z:.2f} | {m / 1e14:.2f} |" for z, m in zip(redshift, mass, strict=True)]
    ratio, width = judgement.scatter
    widths = [f"| {r:.3g} | {w:.3f} |" for r, w in zip(ratio, width, strict=True)]
    held = [f"| {100 * level:.0f} % | {coverage(ranks, level):.3f} |" for level in LEVELS]
    header = "| interval | share of true masses held |"
    if (ranks_of_more := judgement.more_sources) is not None:
        header += f" with {MORE_SOURCES:g} times the point sources |"
        held = [
            f"{line} {coverage(ranks_of_more, level):.3f} |"
            for line, level in zip(held, LEVELS, strict=True)
        ]
    words = f"of {len(ranks)} test clusters by redshift, mass and signal-to-noise"
    return "\n".join(
        [
            f"# Survey {files.name}",
            "",
            f"![what it sees]({files.figure.name})",
            "",
            in_words(judgement.checks, words),
            "",
            "| z | mass at signal-to-noise 5 [1e14 Msun] |",
            "|---|---|",
            *limits,
            "",
            "| signal-to-noise | half-width of the 68 % interval [dex], flat prior |",
            "|---|---|",
            *widths,
            "",
            header,
            "|---" * (header.count("|") - 1) + "|",
            *held,
            "",
        ]
    )
