"""Expectations that tables must meet, the verdict on them and pages that show it.

great_expectations is imported here alone.
"""

from __future__ import annotations

import json
import os
import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from szmass.errors import SzmassError
from szmass.files import replacing_folder, write_text
from szmass.quiet import quiet_start
from szmass.reporting import Run

SIGNIFICANT_DIGITS = 6
FAILING_ROWS_NAMED = 5
DOCS_SITE = "verdict"

Where = tuple[str, str] | None
"""Which rows an expectation is about: those whose column holds this text; None: all rows."""


class ChecksFailedError(SzmassError):
    """A table does not meet all of its expectations."""


@dataclass(frozen=True)
class Expectation:
    """A condition on a column of a table, made by the functions below."""

    kind: str
    """Name of the class in great_expectations."""
    statistic: str
    """What is observed of the column, in words."""
    column: str
    expected: list[float] | str
    """The range that the observed value must lie in, or the condition in words."""
    arguments: Mapping[str, Any]
    where: Where

    @property
    def name(self) -> str:
        """What is observed, of which column and which rows."""
        rows = f", {self.where[0]} {self.where[1]}" if self.where else ""
        return f"{self.statistic} {self.column}{rows}"

    @property
    def wanted(self) -> str:
        """The range, or the condition in words, as text."""
        return _range_text(self.expected)


def every(column: str, low: float, high: float, *, where: Where) -> Expectation:
    """Every value lies in [low, high]; missing values are left out."""
    return _between("ExpectColumnValuesToBeBetween", "every", column, (low, high), where)


def mean(column: str, low: float, high: float, *, where: Where) -> Expectation:
    """The mean lies in [low, high]."""
    return _between("ExpectColumnMeanToBeBetween", "mean", column, (low, high), where)


def standard_deviation(column: str, low: float, high: float, *, where: Where) -> Expectation:
    """The standard deviation (with n - 1) lies in [low, high]."""
    return _between(
        "ExpectColumnStdevToBeBetween", "standard deviation of", column, (low, high), where
    )


def unique(column: str) -> Expectation:
    """No value occurs twice."""
    kind = "ExpectColumnValuesToBeUnique"
    return Expectation(kind, "no repeated", column, "no value twice", {"column": column}, None)


def increasing(column: str) -> Expectation:
    """Every value is larger than the one before."""
    arguments = {"column": column, "strictly": True}
    kind = "ExpectColumnValuesToBeIncreasing"
    return Expectation(kind, "increasing", column, "each above the last", arguments, None)


def equal(column: str, asked: str) -> Expectation:
    """Each value equals that of another column in its row."""
    arguments = {"column_A": column, "column_B": asked}
    kind = "ExpectColumnPairValuesToBeEqual"
    return Expectation(kind, "every", column, f"equal to {asked}", arguments, None)


def _between(
    kind: str, statistic: str, column: str, limits: tuple[float, float], where: Where
) -> Expectation:
    low, high = (float(limit) for limit in limits)
    arguments = {"column": column, "min_value": low, "max_value": high}
    return Expectation(kind, statistic, column, [low, high], arguments, where)


@dataclass(frozen=True)
class CheckedTable:
    """A table and the expectations that it must meet."""

    name: str
    rows: pd.DataFrame
    index: str
    """The column that names a row."""
    expectations: Sequence[Expectation]
    meanings: Mapping[str, str]
    """What each column holds, explained for whoever reads the verdict."""


@dataclass(frozen=True)
class Result:
    """The outcome of one expectation."""

    table: str
    name: str
    success: bool
    observed: Any
    """A number; the smallest and the largest value; or, as text, how many rows fail."""
    expected: list[float] | str
    failing: list[dict[str, Any]]
    """The first rows that fail, with their values; empty where a statistic is expected."""

    def __str__(self) -> str:
        observed, expected = _range_text(self.observed), _range_text(self.expected)
        rows = [", ".join(f"{name} {value}" for name, value in row.items()) for row in self.failing]
        first = f"; first {'; '.join(rows)}" if rows else ""
        return f"{self.table}: {self.name}: observed {observed}, expected {expected}{first}"


@dataclass(frozen=True)
class Verdict:
    """The outcome of all expectations."""

    results: list[Result]
    meanings: Mapping[str, Mapping[str, str]]

    @property
    def success(self) -> bool:
        """Whether every expectation holds."""
        return all(result.success for result in self.results)

    def write(self, path: Path) -> None:
        """Writes the verdict as JSON, one line per expectation, the failed ones first.

        The same results give the same bytes, and after a kill the previous file is still whole.
        """
        ordered = sorted(self.results, key=lambda result: result.success)
        results = ",\n".join("    " + _json(vars(result)) for result in ordered)
        columns = ",\n".join(
            f'    "{table}.{column}": {_json(meaning)}'
            for table, meanings in self.meanings.items()
            for column, meaning in meanings.items()
        )
        failed = sum(not result.success for result in self.results)
        write_text(
            path,
            f'{{\n  "success": {_json(self.success)},\n'
            f'  "expectations": {len(self.results)},\n  "failed": {failed},\n'
            f'  "results": [\n{results}\n  ],\n  "columns": {{\n{columns}\n  }}\n}}\n',
        )

    def conclude(self, path: Path, docs: Path, run: Run) -> None:
        """Writes the verdict, reports it, and fails where an expectation does.

        Args:
            path: of the verdict.
            docs: folder of the pages that `check` has written.
            run: gets the verdict, and how many expectations each table has.

        Raises:
            ChecksFailedError: as `require_success`; all else is done before.
        """
        self.write(path)
        run.artifact(path)
        run.tags({"success": str(self.success)})
        for table, count in Counter(result.table for result in self.results).items():
            run.metric(f"{table}.expectations", count)
        self.require_success(path, docs / "index.html")

    def require_success(self, *where: Path) -> None:
        """Raises a `ChecksFailedError` that names every failed expectation.

        Args:
            where: files with more about the failures, named in the message.
        """
        failed = [str(result) for result in self.results if not result.success]
        if failed:
            raise ChecksFailedError(
                f"{len(failed)} of {len(self.results)} expectations fail (see "
                f"{', '.join(str(path) for path in where)}):\n" + "\n".join(failed)
            )


def check(tables: Sequence[CheckedTable], docs: Path) -> Verdict:
    """Checks tables, and writes pages that show the results in a browser.

    Args:
        tables: each with its expectations.
        docs: folder of the pages, replaced whole; `index.html` is where to begin.

    Raises:
        SzmassError: an expectation cannot be evaluated: its column is missing, or holds no numbers.
    """
    gx = _great_expectations()
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False}
    source = context.data_sources.add_pandas("tables")
    results = [result for table in tables for result in _check(table, context, source, docs.name)]
    with replacing_folder(docs) as unfinished:
        context.add_data_docs_site(
            site_name=DOCS_SITE,
            site_config={
                "class_name": "SiteBuilder",
                "site_index_builder": {"class_name": "DefaultSiteIndexBuilder"},
                "store_backend": {
                    "class_name": "TupleFilesystemStoreBackend",
                    "base_directory": str(unfinished.absolute()),
                },
            },
        )
        context.build_data_docs(site_names=[DOCS_SITE])
    return Verdict(results, {table.name: table.meanings for table in tables})


def _range_text(value: Any) -> str:
    """A range, or the single value or text in its place, in a readable form."""
    if not isinstance(value, list):
        return str(value)
    low, high = (
        f"{limit:.{SIGNIFICANT_DIGITS}g}" if isinstance(limit, float) else str(limit)
        for limit in value
    )
    return f"{low} to {high}" if low != high else low


def _great_expectations() -> Any:
    """Imports great_expectations, without its telemetry and without its own warnings."""
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    with quiet_start(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import great_expectations
    return great_expectations


def _check(table: CheckedTable, context: Any, source: Any, run_name: str) -> list[Result]:
    """Runs a table's expectations; the results are in the order of the expectations."""
    gx = _great_expectations()
    from great_expectations.core import RunIdentifier
    from great_expectations.expectations.row_conditions import Column

    suite = gx.ExpectationSuite(
        table.name,
        expectations=[
            getattr(gx.expectations, asked.kind)(
                **asked.arguments,
                row_condition=Column(asked.where[0]) == asked.where[1] if asked.where else None,
                description=f"{asked.name}: {asked.wanted}",
                meta={"number": number},
            )
            for number, asked in enumerate(table.expectations)
        ],
    )
    rows = source.add_dataframe_asset(table.name).add_batch_definition_whole_dataframe(table.name)
    validation = gx.ValidationDefinition(
        name=table.name, data=rows, suite=context.suites.add(suite)
    )
    checkpoint = gx.Checkpoint(
        name=table.name,
        validation_definitions=[context.validation_definitions.add(validation)],
        result_format={
            "result_format": "SUMMARY",
            "partial_unexpected_count": FAILING_ROWS_NAMED,
            "unexpected_index_column_names": [table.index],
        },
    )
    run = context.checkpoints.add(checkpoint).run(
        batch_parameters={"dataframe": table.rows}, run_id=RunIdentifier(run_name)
    )
    (validated,) = run.run_results.values()
    found = {result.expectation_config.meta["number"]: result for result in validated.results}
    return [_result(table, asked, found[i]) for i, asked in enumerate(table.expectations)]


def _result(table: CheckedTable, asked: Expectation, found: Any) -> Result:
    """The result of great_expectations, in plain numbers and text."""
    if not found.result:
        raise SzmassError(f"{table.name}: {asked.name}: cannot be observed: {found.exception_info}")
    failing = found.result.get("partial_unexpected_index_list") or []
    return Result(
        table=table.name,
        name=asked.name,
        success=bool(found.success),
        observed=_observed(table, asked, found),
        expected=_plain(asked.expected),
        failing=[
            {table.index: _plain(row.pop(table.index))} | {name: _plain(row[name]) for name in row}
            for row in map(dict, failing)
        ],
    )


def _observed(table: CheckedTable, asked: Expectation, found: Any) -> Any:
    """The statistic; the smallest and largest value; or how many rows fail."""
    if "observed_value" in found.result:
        return _plain(found.result["observed_value"])
    if isinstance(asked.expected, str):
        return f"{found.result['unexpected_count']} of {len(table.rows)} rows fail"
    rows = (
        table.rows
        if asked.where is None
        else table.rows.loc[table.rows[asked.where[0]] == asked.where[1]]
    )
    return _plain([rows[asked.column].min(), rows[asked.column].max()])


def _plain(value: Any) -> Any:
    """A value as JSON writes it, rounded so that differences in the last bits do not show."""
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, int | np.integer):
        return int(value)
    if isinstance(value, float | np.floating):
        return float(f"{value:.{SIGNIFICANT_DIGITS}g}") if np.isfinite(value) else str(value)
    return value


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, allow_nan=False)
