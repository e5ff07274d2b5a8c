"""Does the dictionary decide? What several SAEs of one layer say of coverage, of who carries a
subject and of steering, each beside its control on one scale.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from dash import Dash, Input, Output, State, html
from dash.development.base_component import Component

from app.api import ApiClient, ApiProblem
from app.links import reproduce_get
from app.pages.coverage.dictionary_cells import Cells, Column, cell_of, verdict
from app.parts.estimates import numbers
from app.parts.panel import panel
from app.parts.shared_rows import table
from app.parts.still import still
from backend.schemas import Experiment, ExperimentEstimate

NAME = "dictionaries"
WITHOUT = ", without dense features"  # ends the subjects that leave them out
FREQUENT, DRAWN = "frequent tokens", "as many content occurrences"


QUALITY = (
    ("d_sae", "width", "features in the dictionary"),
    ("trained_tokens", "trained on", "positions, as its cfg.json states"),
    ("l0", "L0", "mean firings a position of this text"),
    ("explained_variance", "explained", "share of the variance that the reconstruction explains"),
    ("reconstruction_score", "recovered", "loss: (zeroed − through the SAE) / (zeroed − model)"),
    ("silent", "silent", "share of the dictionary that never fires on this text"),
    ("dense", "dense", "features that fire at more than the stated share of the positions"),
    ("feature_index", "steered with", "the chosen feature, of the first trait"),
)
SHARES = ("explained_variance", "reconstruction_score", "silent")


def columns_of(one: Experiment) -> list[Column]:
    """Both settings of coverage, then every set of subjects, then every trait."""
    apart = f"{FREQUENT} - {DRAWN}"
    made = [
        Column(s, "coverage", FREQUENT, DRAWN, "content", words, (apart, "coverage"))
        for s, words in (
            ("opening", "reached, at the opening setting"),
            ("Table 1", "reached, at Table 1's setting"),
        )
    ]
    sets = dict.fromkeys(
        row.subject
        for row in one.estimates
        if (row.arm, row.outcome) == ("function", "own") and not row.subject.endswith(WITHOUT)
    )
    made += [
        Column(
            name,
            "own",
            "function",
            "content",
            "content",
            f"{name} carried, function positions",
            ("function - content", "net"),
            " (less what exchanged names give)",
        )
        for name in sets
    ]
    traits = dict.fromkeys(
        row.subject for row in one.estimates if (row.arm, row.outcome) == ("feature", "shown")
    )
    return made + [
        Column(name, "shown", "feature", "random features", "random", f"{name}, best feature", None)
        for name in traits
    ]


def dictionaries_panel(one: Experiment, code: dict[str, str]) -> Component:
    """A row a dictionary, and one without its dense features; then its quality."""
    cells = {(row.sae_id or "", row.arm, row.outcome, row.subject): row for row in one.estimates}
    names = list(dict.fromkeys(row.sae_id for row in one.estimates if row.outcome == "d_sae"))
    known = [name for name in names if name]
    columns = [column for column in columns_of(one) if _has(cells, known, column)]
    layer = next((row.layer for row in one.estimates if row.layer is not None), None)
    listed = [html.Li([html.Strong(arm), f": {words}"]) for arm, words in one.arms.items()]
    return panel(
        "Does the dictionary decide?",
        [
            html.P(_said(cells, known, columns), className="fs-dictionaries__said"),
            _legend(),
            html.Div(
                [_drawn(cells, known, columns), _quality(cells, known)],
                id="coverage-dictionaries-table",
            ),
            html.Details(
                [html.Summary("what each mark is"), html.Ul(listed)], className="fs-small"
            ),
            html.Details(
                [html.Summary("in sentences"), html.Ul([html.Li(words) for words in one.findings])],
                className="fs-small",
            ),
        ],
        id="coverage-dictionaries-panel",
        note=f"{len(known)} SAEs that read the residual stream after layer {layer}, all on the "
        f"same text and questions: {one.prompts}. What is reached is counted on that text alone, "
        "so the page's own numbers, of the whole build, are others. Scale: 0 to 100 %; "
        "95 % intervals; n and the numbers of a cell on it.",
        reproduce=code,
        exports={"table": "coverage-dictionaries-table"},
        class_name="fs-c12 fs-dictionaries",
    )


def _has(cells: Cells, names: Sequence[str], column: Column) -> bool:
    return any((n, column.value, column.outcome, column.subject) in cells for n in names)


def _said(cells: Cells, names: Sequence[str], columns: Sequence[Column]) -> list[Component]:
    """How many dictionaries say so, measure by measure."""
    made = []
    for column in columns:
        if column.apart is None:
            continue
        found = [verdict(cells.get((n, *column.apart, column.subject))) for n in names]
        words = f"{column.told}: more than {column.beside}{column.how} in {found.count('more')}, "
        words += f"no more in {found.count('no more')}, open in {found.count('open')} "
        words += f"of {len([one for one in found if one])} dictionaries"
        agree = len({one for one in found if one}) == 1 and "open" not in found
        kind = "" if agree else " fs-dictionaries__apart"
        made.append(html.Span(f"{words[:1].upper()}{words[1:]}. ", className=kind.strip() or None))
    return made


def _legend() -> Component:
    keys = (
        ("value", "this dictionary's number"),
        ("interval", "its 95 % interval"),
        ("control", "its control: content tokens, or random features"),
    )
    return html.Ul(
        [
            html.Li([html.Span(className=f"fs-axis__key fs-axis__{name}"), words])
            for name, words in keys
        ],
        className="fs-claims__legend",
    )


def _drawn(cells: Cells, names: Sequence[str], columns: Sequence[Column]) -> Component:
    heads = [
        html.Th(
            column.told,
            scope="col",
            title=f"paler: {column.beside}",
            **numbers(
                [
                    f"{column.told}{what}"
                    for side in ("", f", {column.beside}")
                    for what in (side, f"{side} low", f"{side} high", f"{side} n")
                ]
            ),
        )
        for column in columns
    ]
    head = html.Thead(html.Tr([html.Th("dictionary", scope="col", **numbers(["row"])), *heads]))
    rows = [row for name in names for row in _rows(cells, name, columns)]
    return table("What each dictionary says", head, rows, "fs-rows--dots")


def _rows(cells: Cells, name: str, columns: Sequence[Column]) -> Iterator[Component]:
    """With all features; then without the dense ones, where that was measured."""
    dense = cells.get((name, "dictionary", "dense", ""))
    n = "" if dense is None else f"{dense.value:,.0f} "
    heads = ((name, "", ""), (f"without {n}dense", WITHOUT, "fs-rows__less"))
    for words, suffix, kind in heads:
        made = [cell_of(cells, name, column, column.subject + suffix) for column in columns]
        if suffix and not any(made):
            continue
        blank = html.Td("", **numbers([None] * 8))
        label = name if not suffix else f"{name}{suffix}"
        yield html.Tr(
            [html.Th(words, scope="row", **numbers([label])), *(cell or blank for cell in made)],
            className=kind or None,
        )


def _quality(cells: Cells, names: Sequence[str]) -> Component:
    """Whatever subject a figure stands under: as stated, or measured on this text."""
    found = {
        (name, outcome): row
        for (name, arm, outcome, _), row in reversed(list(cells.items()))
        if arm in ("dictionary", "feature")
    }
    shown = [column for column in QUALITY if any((name, column[0]) in found for name in names)]
    heads = [
        html.Th(head, scope="col", title=_source(found, names, outcome, told), **numbers([outcome]))
        for outcome, head, told in shown
    ]
    rows = [
        html.Tr(
            [
                html.Th(name, scope="row"),
                *(_figure(found.get((name, outcome)), outcome) for outcome, *_ in shown),
            ]
        )
        for name in names
    ]
    head = html.Thead(html.Tr([html.Th("dictionary", scope="col"), *heads]))
    return table("How good each dictionary is", head, rows, "fs-rows--quality")


def _source(
    found: Mapping[tuple[str, str], ExperimentEstimate],
    names: Sequence[str],
    outcome: str,
    told: str,
) -> str:
    """What the figure is, and where it comes from."""
    row = next((row for name in names if (row := found.get((name, outcome)))), None)
    return f"{told}; {row.subject}" if row and outcome in SHARES[:2] else told


def _figure(row: ExperimentEstimate | None, outcome: str) -> Component:
    if row is None:
        return html.Td("–", className="fs-muted", title="not stated", **numbers([None]))
    digits = {"l0": 1}.get(outcome, 0)
    words = f"{100 * row.value:.1f} %" if outcome in SHARES else f"{row.value:,.{digits}f}"
    n = f"n = {row.n:,}" if row.n > 1 else None
    return html.Td(words, className="fs-num", title=n, **numbers([row.value]))


def register(app: Dash, api: ApiClient) -> None:
    @app.callback(
        Output("coverage-dictionaries", "children"),
        Input("coverage-asked", "data"),
        State("frame-location", "href"),
    )
    async def show_dictionaries(_: dict[str, str], href: str | None) -> Any:
        """Nothing where no dictionaries were compared beside this build."""
        try:
            found = await api.experiments()
        except ApiProblem:
            return None
        code = reproduce_get(href, "/api/experiments", {})
        return still(
            [dictionaries_panel(one, code) for one in found.experiments if one.name == NAME]
        )
