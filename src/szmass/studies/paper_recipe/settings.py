"""Settings of the study of the paper's recipe."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from szmass.params import MicrowaveSets, Mresunet
from szmass.params.checks import PositiveInt, Section, section
from szmass.params.scales import Scalar, read_scale

SCALES, SCALE = Path("scales"), "paper"


@section
class PaperRecipe(Section):
    """`studies/paper_recipe/params.yaml`."""

    width: PositiveInt
    """Filters of the first block; 64 in the paper."""
    epochs: PositiveInt
    """Number of training epochs; 100 at scale `paper`."""

    def applied(
        self, mresunet: Mresunet, sets: MicrowaveSets, scales: Path = SCALES
    ) -> tuple[Mresunet, MicrowaveSets]:
        """The network and the sets of maps of scale `paper`, but for width and epochs.

        Args:
            mresunet: what the scale leaves as it is.
            sets: likewise.
            scales: folder of the scales.
        """
        values = read_scale(scales, SCALE)
        recipe = replace(mresunet, **_of_section(values, "mresunet"))
        return (
            replace(recipe, width=self.width, epochs=self.epochs),
            replace(sets, **_of_section(values, "microwave_sets")),
        )


def _of_section(values: Mapping[str, Scalar], section_name: str) -> dict[str, Any]:
    """A scale's values of one section, by setting."""
    return {
        key.removeprefix(f"{section_name}."): value
        for key, value in values.items()
        if key.startswith(f"{section_name}.")
    }
