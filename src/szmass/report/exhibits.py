"""What the report shows, as data: a figure or table of a paper, and ours beside it.

Files are named within the folder of results, `metrics/`. No number of ours stands here; the
papers' stand in the sentences, and as `paper_...` in the metrics that the stages wrote.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Row:
    """A number in a table of `Numbers`."""

    label: str
    metric: str
    """Its key in the metrics; `<key>_err` is its error, `paper_<key>` the paper's."""
    form: str = ".3f"
    unlike: str = ""
    """Why it cannot be compared with the paper's; nothing where it can."""
    unlike_with: str = ""
    """A metric beside it without which that is not so."""

    @property
    def compared(self) -> tuple[str, str]:
        """Keys of the number that is compared with the paper's, and of its standard error."""
        return self.metric, f"{self.metric}_err"


@dataclass(frozen=True)
class Arms:
    """A median with the distances to its 84th and 16th percentile, as dA22 prints them."""

    label: str
    metric: str
    """The keys are `relerr_median_<metric>`, `relerr_p84_<metric>` and `relerr_p16_<metric>`."""
    unlike: str = ""
    """As of a `Row`."""
    unlike_with: str = ""
    """As of a `Row`."""

    @property
    def compared(self) -> tuple[str, str]:
        """Keys of the median, and of its standard error."""
        return f"relerr_median_{self.metric}", f"relerr_stderr_{self.metric}"


@dataclass(frozen=True)
class Numbers:
    """A small table: our numbers by estimator or data set, then the paper's."""

    columns: Mapping[str, str]
    """By the column's title, where its numbers are in the metrics: a file and the keys within it,
    as `cnn.planck.all`. The first column's place holds the paper's numbers too."""
    rows: Sequence[Row | Arms]


@dataclass(frozen=True)
class Table:
    """A table that a stage wrote in Markdown."""

    file: str
    about: str = ""
    """Words of the paragraph before it, where the file holds several."""


@dataclass(frozen=True)
class Exhibit:
    """A place in the report."""

    names: tuple[str, ...]
    """In the paper, as `Figure 4`; none for what the papers do not have."""
    title: str
    theirs: str = ""
    """What the paper shows there, in a sentence or two, with its section."""
    ours: str = ""
    """What one has to know about ours."""
    figures: Mapping[str, str] = field(default_factory=dict)
    """Captions by file."""
    numbers: Sequence[Numbers] = ()
    tables: Sequence[Table] = ()
    study: str = ""
    """Folder in `studies/` that makes it, or a part of it."""


@dataclass(frozen=True)
class Part:
    """A part of the report: a paper, or what goes beyond both."""

    key: str
    """Begins the anchors of its exhibits."""
    title: str
    introduction: str
    exhibits: Sequence[Exhibit]
    link: str = ""
    """Of the paper."""

    def anchor(self, exhibit: Exhibit) -> str:
        """An exhibit's place in the page."""
        words = exhibit.names[0] if exhibit.names else exhibit.title
        return f"{self.key}-" + re.sub(r"[^a-z0-9]+", "-", words.lower())


@dataclass(frozen=True)
class Headline:
    """A number at the top of the page."""

    row: Row
    metrics: str
    """Where in the metrics it is, as for `Numbers`."""
    place: str
    """Anchor of its exhibit."""
