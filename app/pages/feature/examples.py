"""Texts in which a feature fires: chips shaded by activation, chosen by quantile band or by token.

Pure.
"""

from __future__ import annotations

from collections.abc import Mapping

import dash_mantine_components as dmc
from dash import html
from dash.development.base_component import Component

from app.parts.numbers import number
from app.parts.panel import Children, notice
from app.parts.token import token_chip, visible
from backend.schemas import Example, FeatureDetail, TokenRef

# quantile of a text's peak among all peaks of the feature
BANDS: dict[str, tuple[str, tuple[float, float]]] = {
    "all": ("all", (0.0, 1.0)),
    "strongest": ("strongest", (0.95, 1.0)),
    "strong": ("strong", (0.75, 0.95)),
    "middle": ("middle", (0.25, 0.75)),
    "weak": ("weak", (0.0, 0.25)),
}
BEFORE, AFTER = 22, 9  # tokens shown around the peak


def band_control(asked: Mapping[str, str]) -> Component:
    """Which part of the peaks to show."""
    chosen = asked.get("quantile", "all")
    data = [{"value": name, "label": label} for name, (label, _) in BANDS.items()]
    control = dmc.SegmentedControl(
        id="feature-quantile",
        data=data,
        value=chosen if chosen in BANDS else "all",
        size="xs",
        radius=6,
    )
    return _labelled("quantile", "Peaks", control)


def token_control(feature: FeatureDetail, asked: Mapping[str, str]) -> Component:
    """Only texts in which it fires at one token; those that have such texts are listed."""
    data = [{"value": "any", "label": "any token"}]
    data += [
        {"value": str(one.token_id), "label": f"{visible(one.text)}  ({one.n_examples})"}
        for one in feature.example_tokens
    ]
    chosen = asked.get("token", "any")
    value = chosen if chosen in [one["value"] for one in data] else "any"
    control = dmc.Select(
        id="feature-token",
        data=data,
        value=value,
        size="xs",
        w="11rem",
        allowDeselect=False,
        **{"aria-label": "Firing at the token"},
    )
    return _labelled("token", "Firing at", control)


def _labelled(name: str, label: str, control: Component) -> Component:
    return html.Div(
        [html.Span(label, className="fs-control__label", id=f"feature-{name}-label"), control],
        className="fs-control fs-browse-control",
        role="group",
        **{"aria-labelledby": f"feature-{name}-label", "data-fs-setting": name},
    )


def example_list(feature: FeatureDetail) -> Component:
    """The texts, or why there are none."""
    if not feature.n_firings:
        return notice("It never fires in the corpus", "So there is no text to show it in.")
    if not feature.examples_stored:
        return notice(
            "No text is stored",
            "It fires in the corpus, but in none of the texts sampled from the model.",
        )
    if not feature.examples:
        return notice(
            "No text matches",
            f"{feature.examples_stored} texts are stored: choose other peaks, or any token.",
        )
    most = max(feature.act_max, *(max(one.activations) for one in feature.examples))
    return html.Ol([_example(one, most) for one in feature.examples], className="fs-examples")


def _example(example: Example, most: float) -> Component:
    start, stop = (
        max(0, example.position - BEFORE),
        min(len(example.tokens), example.position + AFTER + 1),
    )
    cut = [html.Span("…", className="fs-muted")]
    chips = [
        _shaded(example.tokens[i], example.activations[i], most, i == example.position)
        for i in range(start, stop)
    ]
    quantile = (
        "chosen for the token" if example.quantile is None else f"quantile {example.quantile:.2f}"
    )
    peak = example.tokens[example.position]
    return html.Li(
        [
            html.Div(
                [html.Strong(number(example.activation), className="fs-num"), html.Span(quantile)],
                className="fs-examples__peak",
                title=f"activation at {visible(peak.text)}; {example.source}",
            ),
            html.P([*(cut if start else []), *chips, *(cut if stop < len(example.tokens) else [])]),
        ]
    )


def _shaded(token: TokenRef, activation: float, most: float, peak: bool) -> Component:
    chip = token_chip(token.text, token.token_class or "special", token.token_id, inline=True)
    if activation <= 0:
        return chip
    strength = max(0.12, min(1.0, activation / most))
    title = f"{chip.title} · activation {number(activation)}"
    kinds = "fs-fired fs-fired--peak" if peak else "fs-fired"
    return html.Span(chip, className=kinds, title=title, style={"--fs-act": f"{strength:.2f}"})


def matched_words(feature: FeatureDetail, band: str) -> Children:
    """What is shown, of how many, and where the texts come from."""
    low, high = BANDS[band][1]
    which = (
        ""
        if band == "all"
        else f" with a peak between the {low:g} and {high:g} quantile of its peaks"
    )
    source = feature.examples[0].source if feature.examples else "sampled from the model"
    return (
        f"{len(feature.examples)} of {feature.examples_matching} matching texts{which}; "
        f"{feature.examples_stored} are stored. Texts are {source}, other text than the corpus, "
        "whose largest activation they may pass; shading is activation over the largest of both."
    )
