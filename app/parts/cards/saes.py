"""The card of the SAEs: a row per figure with where it was measured, a column per SAE."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from dash import html
from dash.development.base_component import Component

from app.parts.numbers import fixed, percent
from app.parts.panel import notice
from app.parts.shared_rows import table, value_of
from backend.schemas.saes import Figure, SaeCard

MEASURED = {
    "training": "in training",
    "build": "on this build",
    "published": "as published",
    "here": "here, on a short text",
}
UNKNOWN = "–"
_STILL = {"checking": "not yet: open this card again in some seconds"}


def _count(value: float) -> str:
    return f"{value:,.0f}"


def _mean(value: float) -> str:
    return fixed(value, 1)


def _fraction(value: float) -> str:
    return fixed(value, 3)


ROWS: dict[str, tuple[str, Callable[[float], str]]] = {  # field of the card -> name, format
    "explained_variance": ("explained variance", _fraction),
    "explained_variance_without_top_dimension": ("… without the top dimension", _fraction),
    "top_dimension": ("top dimension", _count),
    "top_dimension_share": ("… its share of the variance", percent),
    "explained_variance_here": ("explained variance here", _fraction),
    "reconstruction_score": ("recovered loss", _fraction),
    "loss": ("loss of the model", _fraction),
    "loss_reconstructed": ("… through the SAE", _fraction),
    "loss_zeroed": ("… with the layer zeroed", _fraction),
    "scored_rows": ("… rows", _count),
    "recovered_loss_here": ("recovered loss here", _fraction),
    "l0": ("L0", _mean),
    "l0_trained": ("L0 in training", _mean),
    "l0_published": ("L0 as published", _mean),
    "l0_here": ("L0 here", _mean),
    "positions_here": ("positions read here", _count),
    "n_active": ("active features", _count),
    "never_fires": ("features that never fire", _count),
    "never_fires_share": ("… share of all", percent),
    "positions": ("positions of the build", _count),
    "trained_tokens": ("positions trained on", _count),
    "k": ("k", _count),
    "never_fired_there": ("never fired in training", _count),
    "calibration_positions": ("… of positions", _count),
}


def saes_card(cards: Sequence[SaeCard]) -> Component:
    """`cards`: shallow first."""
    if not cards:
        return html.P("No SAE is loaded, and the build holds none.")
    shown = [name for name in ROWS if any(getattr(card, name) is not None for card in cards)]
    unknown = [
        name.replace("_", " ") for name in ROWS if name not in shown and not name.endswith("_here")
    ]
    return html.Div(
        [
            html.H2("SAEs"),
            *(notice("Does it belong here?", said) for card in cards for said in card.warnings),
            table(
                "the SAEs, each figure with where it was measured",
                _head(cards),
                [*_shape(cards), *(_row(name, cards) for name in shown)],
                "fs-about__table",
            ),
            html.Ul([html.Li(words) for words in _notes(cards)], className="fs-about__notes"),
            html.P(
                f"Nobody states: {', '.join(unknown)}.",
                className="fs-about__unknown",
            )
            if unknown
            else None,
        ]
    )


def _head(cards: Sequence[SaeCard]) -> Component:
    names = [html.Th(card.sae_id, scope="col", className="fs-num") for card in cards]
    return html.Thead(
        html.Tr([html.Th("figure", scope="col"), *names, html.Th("measured", scope="col")])
    )


def _shape(cards: Sequence[SaeCard]) -> list[Component]:
    """What an SAE is, which nobody measured."""
    rows: dict[str, tuple[str, Sequence[object]]] = {
        "layer": ("after layer", [card.layer for card in cards]),
        "width": ("width", [card.width and f"{card.width:,}" for card in cards]),
        "architecture": ("architecture", [card.architecture for card in cards]),
        "hook": ("hook", [card.hook for card in cards]),
    }
    return [
        html.Tr(
            [
                _name(label, field),
                *(
                    html.Td(UNKNOWN if one is None else str(one), className="fs-num")
                    for one in told
                ),
                html.Td(),
            ]
        )
        for field, (label, told) in rows.items()
    ]


def _row(name: str, cards: Sequence[SaeCard]) -> Component:
    label, written = ROWS[name]
    figures: list[Figure | None] = [getattr(card, name) for card in cards]
    sources = dict.fromkeys(MEASURED[one.measured] for one in figures if one is not None)
    return html.Tr(
        [
            _name(label, name),
            *(_cell(one, written) for one in figures),
            html.Td(", ".join(sources), className="fs-muted"),
        ]
    )


def _cell(figure: Figure | None, written: Callable[[float], str]) -> Component:
    if figure is None:
        return html.Td(UNKNOWN, className="fs-num fs-muted", title="not known", **value_of(None))
    said, value = written(figure.value), float(figure.value)
    return html.Td(said, className="fs-num", title=MEASURED[figure.measured], **value_of(value))


def _name(label: str, field: str) -> Component:
    """The row's name; it opens the definition, by key and touch as well."""
    told = SaeCard.model_fields[field].description or ""
    return html.Th(
        html.Details([html.Summary(label, title=told), html.P(told)], className="fs-about__term"),
        scope="row",
    )


def _notes(cards: Sequence[SaeCard]) -> list[str]:
    """How they were trained, where they come from, on what they were counted; each said once."""
    told = {
        "Trained": [card.training for card in cards],
        "From the release": [card.release for card in cards],
        "Left out in training": [card.left_out for card in cards],
        "Counted on": [card.corpus for card in cards],
        "Of its training nothing is known": [card.unread or None for card in cards],
        "Could not be tried on a short text": [card.untried or None for card in cards],
        "Tried here": [_STILL.get(card.tried) for card in cards],
    }
    notes = []
    for start, texts in told.items():
        for text in dict.fromkeys(one for one in texts if one):
            of = [card.sae_id for card, one in zip(cards, texts, strict=True) if one == text]
            named = "" if len(of) == len(cards) else f" ({', '.join(of)})"
            notes.append(f"{start}{named}: {text.rstrip('.')}.")
    return notes
