"""The figures of ``facetalk evaluate head``, as a table and as JSON, each beside what is to be reached."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from itertools import groupby
from typing import Any, Literal

from rich.table import Table
from rich.text import Text

from facetalk.evaluation.head_measures import ANY_CROSSING, FITTED, OF_HEAD, TRAINED, Cases, CasesByName, HeadMeasures

REGIONS = {"face": "face", "head": "whole head", "lips": "lips", "lids": "lids"}
# What is to be reached: by distances and crossings on average, by gaps in the worst case.
SURFACE_REACH = {(FITTED, "face"): 0.2, (FITTED, "head"): 0.4, (TRAINED, "face"): 0.12}
EXPRESSION_REACH = {"lips": 0.2, "face": 0.2}
GAP_REACH, CROSSING_REACH = 0.3, 1.0


@dataclass(frozen=True)
class Row:
    """One figure of the table.

    Attributes:
        group: what kind of measure it is.
        measure: what is measured.
        unit: of the values.
        cases: how many.
        mean: of all values.
        p95: of all values; shares have none.
        worst: of the cases.
        reach: what the figure ``judged`` should stay below, if anything is said.
        judged: the mean or the worst.
    """

    group: str
    measure: str
    unit: str
    cases: int
    mean: float
    p95: float | None
    worst: float
    reach: float | None = None
    judged: Literal["mean", "worst"] = "mean"

    @property
    def reached(self) -> bool | None:
        """Whether it does; None if nothing is said."""
        if self.reach is None:
            return None
        return (self.mean if self.judged == "mean" else self.worst) < self.reach


def report_rows(measures: HeadMeasures) -> list[Row]:
    """The rows of the table, group by group."""
    return [
        *_surface_rows(measures.surfaces),
        *_expression_rows(measures.expressions),
        *_gap_rows(measures.gaps),
        *_crossing_rows(measures.crossings),
    ]


def head_table(rows: list[Row]) -> Table:
    """The figures, green where they reach what they should and red where they do not."""
    table = Table("measure", title="The head against heads that its training left out", title_justify="left")
    for column in ("cases", "mean", "95 %", "worst", "reach"):
        table.add_column(column, justify="right")
    for group, members in groupby(rows, key=lambda row: row.group):
        table.add_section()
        table.add_row(group, style="bold")
        for row in members:
            style = {None: "", True: "green", False: "red"}[row.reached]
            reach = "" if row.reach is None else f"{row.judged} < {row.reach:g}"
            values = ("-" if value is None else f"{value:.2f}" for value in (row.mean, row.p95, row.worst))
            table.add_row(f"  {row.measure}, {row.unit}", str(row.cases), *values, Text(reach, style))
    return table


def as_json(rows: list[Row]) -> list[dict[str, Any]]:
    """The rows as JSON values."""
    return [{**asdict(row), "reached": row.reached} for row in rows]


def _surface_rows(measured: CasesByName) -> Iterator[Row]:
    for (identities, region), cases in measured.items():
        reach = SURFACE_REACH.get((identities, region))
        yield _distance_row("surface of identities", f"{identities}: {REGIONS[region]}", cases, reach)


def _expression_rows(measured: CasesByName) -> Iterator[Row]:
    for (identities, region), cases in measured.items():
        reach = EXPRESSION_REACH.get(region)
        yield _distance_row("expressions", f"{identities}: {REGIONS[region]}", cases, reach)


def _gap_rows(measured: CasesByName) -> Iterator[Row]:
    for (whose, closure), cases in measured.items():
        reach = GAP_REACH if whose == OF_HEAD else None
        yield _distance_row("gap of closed lips and lids", f"{whose}: {closure}", cases, reach, "worst")


def _crossing_rows(measured: CasesByName) -> Iterator[Row]:
    for (whose, surfaces), cases in measured.items():
        reach = CROSSING_REACH if (whose, surfaces) == (OF_HEAD, ANY_CROSSING) else None
        name = f"{whose}: {surfaces}"
        yield Row("frames with crossings", name, "%", len(cases.values), cases.mean, None, cases.worst, reach)


def _distance_row(
    group: str, measure: str, cases: Cases, reach: float | None, judged: Literal["mean", "worst"] = "mean"
) -> Row:
    return Row(group, measure, "mm", len(cases.values), cases.mean, cases.p95, cases.worst, reach, judged)
