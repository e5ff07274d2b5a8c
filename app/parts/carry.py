"""Who carries the subject: by position behind its name and by layer, over many subjects (experiment
carry).
"""

from __future__ import annotations

from collections.abc import Sequence

from dash import html
from dash.development.base_component import Component

from app.parts.estimates import estimate_cell, numbers, written
from app.parts.panel import panel
from app.parts.shared_rows import bar, first_rows, table
from app.parts.token import token_chip
from backend.schemas import Experiment, ExperimentEstimate, ExperimentPlace

CARRY = "carry"
SHARES = ("own", "another's", "exchanged")
ALL_SAES = Sequence[tuple[str, int]]  # (sae_id, layer), shallow to deep


def carry_panel(one: Experiment, page: str, code: dict[str, str]) -> Component:
    """Each set of subjects: its kinds of positions against each other, then every question token by
    token.
    """
    sets = dict.fromkeys(set_of(place) for place in one.places)
    note = (
        "Share of the subjects with a feature that fired at the subject's name, fires again at "
        "this token, and here in at most 10 % of the other subjects' prompts. In grey, the same "
        "by a feature of another's name that the own name lacks; with the names exchanged, "
        "features that both share count too. Few-shot examples do not count. 95 % intervals; "
        f"{one.prompts}."
    )
    return panel(
        "Who carries it",
        [
            html.Div(
                [_set(one, name, unfolded=place == 0) for place, name in enumerate(sets)],
                id=f"{page}-carry-table",
                className="fs-rows-box",
            ),
            html.Details(
                [html.Summary("in sentences"), html.Ul([html.Li(words) for words in one.findings])],
                className="fs-small",
            ),
        ],
        badge="precomputed",
        id=f"{page}-carry-panel",
        note=note,
        reproduce=code,
        exports={"table": f"{page}-carry-table"},
        class_name="fs-claims__experiment",
    )


def set_of(place: ExperimentPlace) -> str:
    """The set of subjects that a place belongs to: `capitals` of `capitals 2.5`."""
    return place.subject.rsplit(" ", 1)[0]


def _set(one: Experiment, name: str, *, unfolded: bool) -> Component:
    """`unfolded`: one question is open, token by token."""
    places = [place for place in one.places if set_of(place) == name]
    noun = next((task.noun for task in one.tasks if task.task == places[0].task), "subjects")
    questions = list(dict.fromkeys(place.question for place in places))
    opened = next((q for q in questions if _n_content(places, q) > 1), questions[0])
    rows = [row for row in one.estimates if row.subject == name]
    listed = [
        html.Details(
            [
                html.Summary(f"“{words}”"),
                place_table(one, [p for p in places if p.question == words]),
            ],
            open=unfolded and words == opened,
        )
        for words in questions
    ]
    n = rows[0].n if rows else 0
    return html.Div([html.H3(f"{n} {noun}"), kinds_table(one, rows), *listed])


def _n_content(places: Sequence[ExperimentPlace], question: str) -> int:
    return sum(place.token_class == "content" for place in places if place.question == question)


def saes_of(rows: Sequence[ExperimentEstimate]) -> ALL_SAES:
    """Those that the rows are of, by layer."""
    found = {
        (row.sae_id, row.layer) for row in rows if row.sae_id is not None and row.layer is not None
    }
    return sorted(found, key=lambda pair: (pair[1], pair[0]))


def kinds_table(one: Experiment, rows: Sequence[ExperimentEstimate]) -> Component:
    """A row per kind of position, a column per layer: own less exchanged."""
    net = [row for row in rows if row.outcome == "net"]
    saes = saes_of(net)
    cells = {(row.arm, row.sae_id): row for row in net}
    body = [
        html.Tr(
            [
                html.Th(
                    arm.replace("_", " ").replace(" - ", " − "),
                    scope="row",
                    title=one.arms.get(arm, ""),
                ),
                *(estimate_cell(cells.get((arm, sae_id)), "points", 1.0) for sae_id, _ in saes),
            ]
        )
        for arm in dict.fromkeys(row.arm for row in net)
    ]
    return table(
        "carried, by kind of position: own less exchanged, points",
        _head(saes, ""),
        body,
        "fs-rows--arms",
    )


def place_table(one: Experiment, places: Sequence[ExperimentPlace]) -> Component:
    """A row per token behind the name, in reading order, a column per layer."""
    wanted = {place.subject for place in places}
    cells = {
        (row.subject, row.sae_id, row.arm): row for row in one.estimates if row.subject in wanted
    }
    saes = saes_of(list(cells.values()))
    body = [
        html.Tr(
            [
                html.Th(
                    [
                        token_chip(place.text, place.token_class, place.token_id),
                        html.Small(f" {place.distance}"),
                    ],
                    scope="row",
                    title=f"{place.token_class} by frequency, "
                    f"{place.kind.replace('_', ' ')} by spelling; "
                    f"{place.distance} tokens behind the name"
                    + (", where the answer begins" if place.is_last else ""),
                    **numbers(
                        [place.token_id, place.text, place.token_class, place.kind, place.distance]
                    ),
                ),
                *(
                    _carried(*(cells.get((place.subject, sae, arm)) for arm in SHARES))
                    for sae, _ in saes
                ),
            ]
        )
        for place in places
    ]
    head = _head(saes, "token", ["token_id", "token", "class", "kind", "distance"])
    made = table(f"carried, token by token: {places[0].question}", head, body, "fs-rows--arms")
    return first_rows(made, len(body))


def _head(saes: ALL_SAES, first: str, first_columns: Sequence[str] = ("",)) -> Component:
    columns = ("{}", "{} low", "{} high", "{} n")
    heads = [
        html.Th(
            f"after layer {layer}",
            scope="col",
            title=sae_id,
            **numbers([name.format(sae_id) for name in columns]),
        )
        for sae_id, layer in saes
    ]
    return html.Thead(
        html.Tr([html.Th(first, scope="col", **numbers(list(first_columns))), *heads])
    )


def _carried(
    own: ExperimentEstimate | None,
    another: ExperimentEstimate | None,
    exchanged: ExperimentEstimate | None,
) -> Component:
    """The own share as a bar, another's beside it in grey; the exchanged one on hover."""
    if own is None:
        return estimate_cell(None, "share", 1.0)
    low, high = own.interval or (own.value, own.value)
    span = f"{written(low, 'share')} to {written(high, 'share')}"
    told = f"{written(own.value, 'share')} (95 %: {span}; n = {own.n:,})"
    beside = f"another's {written(another.value, 'share')}" if another is not None else ""
    swapped = (
        f"names exchanged {written(exchanged.value, 'share')}" if exchanged is not None else ""
    )
    return html.Td(
        [bar(own.value, told), html.Span(written(own.value, "share")), html.Small(beside)],
        className="fs-num",
        title="; ".join(one for one in (told, beside, swapped) if one),
        **numbers([own.value, low, high, own.n]),
    )
