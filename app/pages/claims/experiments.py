"""The experiments behind the claims on reactivation and steering:
tables of bars, every arm with its interval.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dash import html
from dash.development.base_component import Component

from app.pages.claims.layer_maps import MAPPED, map_panel
from app.parts.carry import CARRY, carry_panel
from app.parts.estimates import estimate_cell, numbers
from app.parts.panel import panel
from app.parts.shared_rows import table
from backend.schemas import Experiment, ExperimentEstimate, ExperimentList


@dataclass(frozen=True)
class Shown:
    """What of an experiment is drawn."""

    title: str
    outcome: str
    unit: str  # share, nats, or points of a share


SHOWN = {
    "reactivation": Shown("More than order explains?", "index", "points"),
    "necessity": Shown("Needed at the last function token?", "loss_change", "nats"),
    "distance": Shown("Kind of token, or nearness?", "kl", "nats"),
    "grid": Shown("The paper's Figure 7", "success", "share"),
    "trait": Shown("The paper's search for a feature", "success", "share"),
    "difference_of_means": Shown("A difference of means, layer by layer", "success", "share"),
    "answers": Shown("How often is it right?", "right", "share"),
}


def experiment_panels(found: ExperimentList, code: dict[str, str]) -> list[Component]:
    """A panel per experiment that was run."""
    made = []
    for one in found.experiments:
        if one.name == CARRY:
            made.append(carry_panel(one, "claims", code))
        elif one.name in MAPPED:
            made.append(map_panel(one, code))
        elif one.name in SHOWN:
            made.append(_panel(one, SHOWN[one.name], code))
    return made


def _panel(one: Experiment, shown: Shown, code: dict[str, str]) -> Component:
    rows = [row for row in one.estimates if row.outcome == shown.outcome]
    counted = sorted({row.n for row in rows})
    n = f"n = {counted[0]:,} to {counted[-1]:,}" if len(counted) > 1 else f"n = {counted[0]:,}"
    measured = one.outcomes[shown.outcome].replace(
        "[share]", "[points]" if shown.unit == "points" else "[share]"
    )
    note = f"{_capital(measured)}. 95 % intervals; {n} prompts a cell: {one.prompts}."
    listed = [html.Li([html.Strong(arm), f": {words}"]) for arm, words in one.arms.items()]
    return panel(
        shown.title,
        [
            html.Div(estimate_table(one, rows, shown), id=f"claims-{one.name}-table"),
            html.Details([html.Summary("what each row is"), html.Ul(listed)], className="fs-small"),
            html.Details(
                [html.Summary("in sentences"), html.Ul([html.Li(words) for words in one.findings])],
                className="fs-small",
            ),
        ],
        badge="precomputed",
        id=f"claims-{one.name}-panel",
        note=note,
        reproduce=code,
        exports={"table": f"claims-{one.name}-table"},
        class_name="fs-claims__experiment",
    )


def _capital(words: str) -> str:
    return words[:1].upper() + words[1:]


def column_of(row: ExperimentEstimate) -> str:
    """Where the edit is, or what was asked."""
    if row.subject:
        return row.subject
    if row.sae_id == "all":
        return "all SAEs"
    return "no layer" if row.layer is None else f"after layer {row.layer}"


def estimate_table(one: Experiment, rows: Sequence[ExperimentEstimate], shown: Shown) -> Component:
    """A row per arm, a column per layer or kind of question; bars to one scale."""
    columns = list(dict.fromkeys(column_of(row) for row in rows))
    cells = {(row.arm, column_of(row)): row for row in rows}
    most = 1.0 if shown.unit == "share" else max((abs(row.value) for row in rows), default=0.0)
    body = [
        html.Tr(
            [
                html.Th(
                    arm.replace("_", " ").replace(" - ", " − "),
                    scope="row",
                    title=one.arms.get(arm, ""),
                ),
                *(estimate_cell(cells.get((arm, column)), shown.unit, most) for column in columns),
            ]
        )
        for arm in dict.fromkeys(row.arm for row in rows)
    ]
    names = [html.Th(name, scope="col", **numbers([name, "low", "high", "n"])) for name in columns]
    return table(
        shown.title, html.Thead(html.Tr([html.Th("", scope="col"), *names])), body, "fs-rows--arms"
    )
