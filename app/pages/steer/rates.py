"""How often a demonstration does what it shows, beside its button: the figures of the job
`precompute demonstrations`, where it judged this very feature at this strength.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import isclose
from typing import Any

from dash import ALL, Dash, Input, Output, html
from dash.development.base_component import Component

from app.api import ApiClient, ApiProblem
from app.parts.estimates import estimate_cell, written
from app.parts.opening import live_demonstrations
from app.parts.shared_rows import table
from app.parts.still import still
from backend.schemas import Demonstration, Experiment, ExperimentEstimate

EXPERIMENT, FEATURE = "demonstrations", "feature"
ARMS = {  # of the experiment -> what its row is called
    FEATURE: "this feature",
    f"{FEATURE}, at a content word": "the same at a content word",
    "random features": "random features",
    "asked in words": "asked in words",
    "unedited": "asked plainly",
}
COLUMNS = {"shown": "with the trait", "right": "right answers"}
SAME = 1e-6  # relative: a strength that a preset wrote down


def demo_buttons(shown: Sequence[Demonstration]) -> list[Component]:
    """A button each, with how often it does what it shows."""
    buttons = [
        html.Div([_demo_button(i, demo), place(i)], className="fs-demo")
        for i, demo in enumerate(shown)
    ]
    return [html.Span("Demonstrations"), *buttons] if buttons else []


def _demo_button(i: int, demo: Demonstration) -> Component:
    name = {"type": "steer-demo", "index": i}
    return html.Button(demo.title, id=name, type="button", className="fs-button", title=demo.note)


def place(index: int) -> Component:
    """Where the figures of a demonstration go."""
    return html.Div(id={"type": "steer-demo-rate", "index": index})


def register(app: Dash, api: ApiClient) -> None:
    rates = {"type": "steer-demo-rate", "index": ALL}

    @app.callback(Output(rates, "children"), Input(rates, "id"))
    async def show_rates(places: list[dict[str, Any]]) -> list[Component | None]:
        """Nothing where the job was not run beside this build, or judged another edit."""
        try:
            shown = live_demonstrations(await api.capabilities()) if places else []
            found = (await api.experiments()).experiments if shown else []
        except ApiProblem:
            return [None] * len(places)
        judged = next((one for one in found if one.name == EXPERIMENT), None)
        return [
            rates_of(judged, shown[one["index"]]) if judged and one["index"] < len(shown) else None
            for one in places
        ]


def traits_of(judged: Experiment, demo: Demonstration) -> list[str]:
    """What the demonstration's edit was judged for: the same feature, added with the same strength
    at the prompt's last token alone.
    """
    if (demo.mode, demo.positions) != ("add", "last"):
        return []
    told = {
        (row.subject, row.outcome): row.value
        for row in judged.estimates
        if (row.arm, row.sae_id) == (FEATURE, demo.sae_id)
    }
    return [
        trait
        for trait in dict.fromkeys(trait for trait, _ in told)
        if told.get((trait, "feature_index")) == demo.feature_index
        and isclose(told.get((trait, "value"), 0.0), demo.value, rel_tol=SAME)
    ]


def rates_of(judged: Experiment, demo: Demonstration) -> Component | None:
    """A button with the rate, which opens the table; None where nothing was measured."""
    traits = traits_of(judged, demo)
    found = [cells_of(judged, demo.sae_id, trait) for trait in traits]
    tables = [_table(trait, cells) for trait, cells in zip(traits, found, strict=True)]
    first = next((cells[FEATURE, "shown"] for cells in found if (FEATURE, "shown") in cells), None)
    if first is None:
        return None
    told = f"{written(first.value, 'share')} of {first.n:,}"
    words = "how often it does, and what else would: measured beforehand"
    return html.Details(
        [
            html.Summary(
                told, className="fs-tool", title=words, **{"aria-label": f"{told}: {words}"}
            ),
            html.Div(
                [
                    still(tables),
                    html.P(
                        "Share of the questions that nothing was chosen on, with a 95 % interval; "
                        f"{judged.prompts}",
                        className="fs-muted",
                    ),
                ],
                className="fs-pop__body fs-demo__rates",
            ),
        ],
        className="fs-pop",
    )


Cells = dict[tuple[str, str], ExperimentEstimate]


def cells_of(judged: Experiment, sae_id: str, trait: str) -> Cells:
    """(arm, outcome) -> its figure; arms without an edit have one row for all SAEs."""
    return {
        (row.arm, row.outcome): row
        for row in judged.estimates
        if row.subject == trait
        and row.sae_id in (sae_id, None)
        and row.arm in ARMS
        and row.outcome in COLUMNS
    }


def _table(trait: str, cells: Cells) -> Component:
    """A row per arm that was measured, a column of shares and one of n for each outcome."""
    outcomes = [one for one in COLUMNS if any(outcome == one for _, outcome in cells)]
    arms = [arm for arm in ARMS if any(one == arm for one, _ in cells)]
    heads = [
        head
        for outcome in outcomes
        for head in (html.Th(COLUMNS[outcome], scope="col"), html.Th("n", scope="col"))
    ]
    rows = [
        html.Tr(
            [
                html.Th(ARMS[arm], scope="row"),
                *(cell for outcome in outcomes for cell in _cells(cells.get((arm, outcome)))),
            ]
        )
        for arm in arms
    ]
    head = html.Thead(html.Tr([html.Th(trait, scope="col"), *heads]))
    return table(f"how often: {trait}", head, rows, "fs-rows--arms")


def _cells(row: ExperimentEstimate | None) -> Sequence[Component]:
    n = html.Td("–" if row is None else f"{row.n:,}", className="fs-num fs-muted")
    return [estimate_cell(row, "share", 1.0), n]
