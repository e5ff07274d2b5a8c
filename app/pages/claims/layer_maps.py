"""Experiments that were run after every layer, as pictures: kinds of positions, and every question
token by token, each against the layers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dash import html
from dash.development.base_component import Component

from app.parts.carry import set_of
from app.parts.estimates import numbers, written
from app.parts.panel import panel
from app.parts.shared_rows import table
from app.parts.token import token_chip
from backend.schemas import Experiment, ExperimentEstimate, ExperimentPlace

Cells = Mapping[tuple[str, str, int], ExperimentEstimate]  # (subject, arm, layer)


@dataclass(frozen=True)
class Mapped:
    """What of an experiment is drawn. `arms`: rows of the first picture; `place_arm`: what was
    measured token by token; `outcomes`: (name, what a cell is).
    """

    title: str
    unit: str  # share or nats
    outcomes: tuple[tuple[str, str], ...]
    arms: tuple[str, ...]
    place_arm: str = ""


BUT_LAST = ", not the last position"
MAPPED = {
    "travel": Mapped(
        "Where does it travel?",
        "share",
        (("restored", "how far A's states move the answer from B's (0) to A's (1)"),),
        ("set name", f"set function{BUT_LAST}", "set content", "set punctuation", "set last"),
        "state",
    ),
    "needed": Mapped(
        "Needed there? Enough there?",
        "nats",
        (("loss_change", "rise of the answer's loss when these positions are averaged out"),),
        (
            "ablate name",
            f"ablate function{BUT_LAST}",
            f"ablate punctuation{BUT_LAST}",
            "ablate content",
            "ablate last",
            "ablate function - content, matched",
            f"keep only function{BUT_LAST}",
            f"keep only content{BUT_LAST}",
        ),
    ),
    "words": Mapped(
        "In words",
        "share",
        (
            ("name", "a token of the name is among the 10 most promoted"),
            ("answer", "the answer's first token is among the 10 most promoted"),
            ("another", "another subject's answer is, the control"),
        ),
        ("at the name", f"function{BUT_LAST}", f"content{BUT_LAST}", "at the end"),
        "place",
    ),
}


def map_panel(one: Experiment, code: dict[str, str]) -> Component:
    """A panel of an experiment of `MAPPED`."""
    mapped = MAPPED[one.name]
    sets = dict.fromkeys(set_of(place) for place in one.places) or dict.fromkeys(
        row.subject for row in one.estimates
    )
    listed = [html.Li([html.Strong(arm), f": {words}"]) for arm, words in one.arms.items()]
    return panel(
        mapped.title,
        [
            html.Div(
                [_set(one, mapped, name) for name in sets],
                id=f"claims-{one.name}-table",
                className="fs-rows-box",
            ),
            html.Details([html.Summary("what each row is"), html.Ul(listed)], className="fs-small"),
            html.Details(
                [html.Summary("in sentences"), html.Ul([html.Li(words) for words in one.findings])],
                className="fs-small",
            ),
        ],
        badge="precomputed",
        id=f"claims-{one.name}-panel",
        note=f"Columns are layers, 0 the first. Interval and n of a cell on it; {one.prompts}.",
        reproduce=code,
        exports={"table": f"claims-{one.name}-table"},
        class_name="fs-claims__experiment",
    )


def _set(one: Experiment, mapped: Mapped, name: str) -> Component:
    places = [place for place in one.places if set_of(place) == name]
    parts: list[Component] = [html.H3(name)]
    for outcome, words in mapped.outcomes:
        rows = [row for row in one.estimates if row.outcome == outcome and row.layer is not None]
        cells = {(row.subject, row.arm, row.layer or 0): row for row in rows}
        layers = sorted({layer for _, _, layer in cells})
        most = 1.0 if mapped.unit == "share" else max((abs(r.value) for r in rows), default=1.0)
        heads = [(name, arm, _arm_head(one, arm)) for arm in mapped.arms]
        shown = [head for head in heads if any((name, head[1], at) in cells for at in layers)]
        if shown:
            parts.append(_map(f"{outcome}: {words}", shown, cells, layers, mapped.unit, most))
        if mapped.place_arm and outcome == mapped.outcomes[0][0]:
            parts += _questions(places, mapped, words, cells, layers)
    return html.Div(parts)


def _questions(
    places: Sequence[ExperimentPlace], mapped: Mapped, words: str, cells: Cells, layers: list[int]
) -> list[Component]:
    """Every question token by token; the longest one is open."""
    questions = list(dict.fromkeys(place.question for place in places))
    of = {words: [p for p in places if p.question == words] for words in questions}
    longest = max(questions, key=lambda one: len(of[one]), default="")
    return [
        html.Details(
            [
                html.Summary(f"“{question}”"),
                _map(
                    words,
                    [(p.subject, mapped.place_arm, _place_head(p)) for p in of[question]],
                    cells,
                    layers,
                    mapped.unit,
                    1.0,
                    ("token_id", "token"),
                ),
            ],
            open=question == longest,
        )
        for question in questions
    ]


def _arm_head(one: Experiment, arm: str) -> Component:
    return html.Th(
        arm.replace("_", " ").replace(" - ", " − "),
        scope="row",
        title=one.arms.get(arm, ""),
        **numbers([arm]),
    )


def _place_head(place: ExperimentPlace) -> Component:
    return html.Th(
        [
            token_chip(place.text, place.token_class, place.token_id),
            html.Small(f" {place.distance}"),
        ],
        scope="row",
        title=f"{place.token_class} by frequency; {place.distance} tokens behind the name",
        **numbers([place.token_id, place.text]),
    )


def _map(
    label: str,
    heads: Sequence[tuple[str, str, Component]],
    cells: Cells,
    layers: Sequence[int],
    unit: str,
    most: float,
    named: Sequence[str] | None = None,
) -> Component:
    """A row a head (subject, arm, what it says), a column a layer.

    `named`: what a head stands for in a saved table; None: the label.
    """
    body = [
        html.Tr([head, *(_cell(cells.get((subject, arm, at)), unit, most) for at in layers)])
        for subject, arm, head in heads
    ]
    columns = [
        html.Th(
            str(layer),
            scope="col",
            **numbers([f"layer_{layer}{end}" for end in ("", " low", " high", " n")]),
        )
        for layer in layers
    ]
    head = html.Thead(
        html.Tr([html.Th(label, scope="col", **numbers(list(named or [label]))), *columns])
    )
    return table(label, head, body, "fs-rows--map")


def _cell(row: ExperimentEstimate | None, unit: str, most: float) -> Component:
    """Its colour is the size: towards green above 0, towards red below."""
    if row is None:
        return html.Td("", title="not measured", **numbers([None] * 4))
    value = written(row.value, unit)
    ends = [written(end, unit) for end in row.interval or ()]
    told = f"{value} ({'95 %: ' + ' to '.join(ends) if ends else 'exact'}; n = {row.n:,})"
    return html.Td(
        html.Span(value.removesuffix(" %")),
        title=told,
        className="fs-heat" + (" fs-heat--below" if row.value < 0 else ""),
        style={"--fs-heat": f"{min(abs(row.value) / most, 1.0):.3f}"},
        **numbers([row.value, *(row.interval or (None, None)), row.n]),
    )
