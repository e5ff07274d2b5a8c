"""Sections of the Feature page: header, tokens, effects on logits, nearest features. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from urllib.parse import urlsplit

from dash import dcc, html
from dash.development.base_component import Component

from app.parts.estimates import numbers
from app.parts.numbers import fixed, number, one_in, share
from app.parts.panel import Children, notice
from app.parts.shared_rows import bar, heads, lift_cell, near_row, table, token_link, value_of, walk
from app.parts.token import NAMED_BY
from app.parts.urls import feature_url, search_url, steer_url, watch_url
from backend.schemas import FeatureDetail, FiringClasses, FiringToken, LogitToken, TokenRef


def head(feature: FeatureDetail) -> list[Component]:
    """Which feature this is, its numbers, and what to do with it."""
    title = html.H1(
        [
            html.Span("Feature ", className="fs-browse-title__kind"),
            html.Span(f"{feature.feature_index}", className="fs-num"),
            html.Small(f"after layer {feature.layer}, of {feature.sae_id}"),
        ],
        className="fs-browse-title",
    )
    return [title, _facts(feature), _actions(feature), *_explanations(feature)]


def _explanations(feature: FeatureDetail) -> list[Component]:
    """What was written of it elsewhere, each with by whom, from where and when."""
    if feature.explanations_missing:
        return [notice("What is said elsewhere is not known", feature.explanations_missing)]
    rows = [
        html.Li(
            [
                html.Q(one.text),
                html.Small(
                    f" {one.explainer or 'a model that is not named'}"
                    f"{f', {one.method}' if one.method else ''}; "
                    f"{urlsplit(one.source).netloc or one.source}, {one.date}",
                    title=one.source,
                ),
            ]
        )
        for one in feature.explanations
    ]
    heading = html.H2("What is said of it elsewhere", className="fs-explained__title")
    return [html.Section([heading, html.Ul(rows)], className="fs-explained")] if rows else []


def _facts(feature: FeatureDetail) -> Component:
    l0 = (
        f"{feature.l0:.3g} features fire at a position on average"
        if feature.l0 is not None
        else "L0 not measured"
    )
    place = (
        "–"
        if feature.density_place is None
        else f"{feature.density_place:,} of {feature.n_active:,}"
    )
    first = "–" if feature.first_rank is None else f"rank {feature.first_rank:,}"
    listed: list[tuple[str, Children, str]] = [
        (
            "density",
            share(feature.density),
            f"{feature.n_firings:,} firings: {one_in(feature.density)}; L0: {l0}",
        ),
        (
            "by density",
            place,
            "1 = no feature of this SAE fires more often; of those that fire at all",
        ),
        ("L0 of the SAE", "–" if feature.l0 is None else f"{feature.l0:.3g}", l0),
        ("tokens", f"{feature.n_tokens:,}", "distinct tokens at which it has fired"),
        ("first reached by", first, "lowest frequency rank of a token that fires it"),
        ("function : content", lift_cell(feature.classes), _class_words(feature.classes)),
    ]
    return html.Dl(
        [html.Div([html.Dt(name), html.Dd(value)], title=tip) for name, value, tip in listed],
        className="fs-facts-row",
    )


def _class_words(classes: FiringClasses | None) -> str:
    if classes is None:
        return "not known"
    return (
        f"{classes.n_function:,} firings at {classes.function_positions:,} function positions, "
        f"{classes.n_content:,} at {classes.content_positions:,} content positions; ratio of the "
        f"rates with its 95 % interval (Wilson, {number(classes.effective_firings)} effective "
        "firings over document shards)"
    )


def _actions(feature: FeatureDetail) -> Component:
    """Links to the other pages, and its neighbours by index."""
    example = feature.examples[0] if feature.examples else None
    own = (feature.sae_id, feature.feature_index)
    links: list[Component] = []
    if feature.n_firings:
        links += [
            dcc.Link(
                "Steer with this", href=steer_url(*own), className="fs-button fs-button--primary"
            ),
            dcc.Link("Watch it in a prompt", href=watch_url(*own, example), className="fs-button"),
        ]
    if feature.neuronpedia_url:
        away = {"target": "_blank", "rel": "noreferrer"}
        links.append(
            html.A("Neuronpedia ↗", href=feature.neuronpedia_url, className="fs-button", **away)
        )
    links.append(
        dcc.Link("Search features", href=search_url(feature.sae_id), className="fs-button")
    )
    return html.Div([*links, _walks(feature)], className="fs-actions fs-browse-actions")


def _walks(feature: FeatureDetail) -> Component:
    at, own = feature.feature_index, feature.sae_id
    before = feature_url(own, at - 1) if at > 0 else None
    after = feature_url(own, at + 1) if at + 1 < feature.d_sae else None
    return html.Nav(
        [
            walk("←", "previous", "previous feature", before),
            walk("→", "next", "next feature", after),
        ],
        className="fs-walks",
        **{"aria-label": "Neighbours by index"},
    )


def histogram_words(feature: FeatureDetail) -> Children:
    """What the histogram counts, or why there is none."""
    if not feature.n_firings:
        return "It never fires in the corpus."
    if not feature.histogram:
        return "Not known: see above."
    mean, most = number(feature.mean_activation or 0), number(feature.act_max)
    return (
        f"{feature.n_firings:,} firings by activation, four bins an octave; mean {mean}, "
        f"largest {most}."
    )


UNLISTED = (
    "–: it fires there too few times for the build to list the edge, so its largest activation is "
    "not known; its place in the order is."
)


def firing_tables(feature: FeatureDetail) -> Component:
    """Both orders side by side."""
    if not feature.n_firings:
        return notice("No token fires it", "It never fires in the corpus.")
    pair = html.Div(
        [
            _firing_table("most often", feature, feature.tokens_by_count, by_count=True),
            _firing_table("most strongly", feature, feature.tokens_by_strength, by_count=False),
        ],
        className="fs-browse-pair",
    )
    shown = (*feature.tokens_by_count, *feature.tokens_by_strength)
    if feature.details_missing or all(one.act_max is not None for one in shown):
        return pair
    return html.Div([pair, html.P(UNLISTED, className="fs-muted")])


def _firing_table(
    name: str, feature: FeatureDetail, tokens: Sequence[FiringToken], *, by_count: bool
) -> Component:
    most = max((one.n_firings or 0 for one in tokens), default=0) if by_count else feature.act_max
    rows = []
    for one in tokens:
        value = (one.n_firings or 0) if by_count else (one.act_max or 0.0)
        here = "not known" if one.n_firings is None else f"{one.n_firings:,} firings"
        firings = _number_cell(one.n_firings, "{:,}".format)
        strength = _number_cell(one.act_max, number)
        rows.append(
            html.Tr(
                [
                    _token_head(one, feature.sae_id),
                    html.Td(
                        bar(value / most if most else 0.0, here),
                        className="fs-bar-cell",
                        **numbers([]),
                    ),
                    *([firings, strength] if by_count else [strength, firings]),
                    _number_cell(one.share_of_feature, share),
                ]
            )
        )
    counted = [
        ("firings", "positions of the token at which it fires"),
        ("max", "largest activation there, in steps of 4.4 % (1/16 octave)"),
    ]
    names = [
        *(counted if by_count else counted[::-1]),
        ("of all", "share of its firings"),
    ]
    columns = _token_heads(name, *names)
    return html.Div([html.H3(name), table(f"Tokens that fire it {name}", columns, rows)])


def _number_cell(value: float | None, written: Callable[[float], str]) -> Component:
    """A dash where it is not known; a saved table holds it unrounded."""
    said = "–" if value is None else written(value)
    return html.Td(said, className="fs-num", **value_of(value))


def _token_head(one: TokenRef, sae_id: str) -> Component:
    """A row's token; in a saved table its id and its text."""
    return html.Th(token_link(one, sae_id), scope="row", **numbers([one.token_id, one.text]))


def _token_heads(name: str, *names: tuple[str, str]) -> Component:
    """Of a table of tokens: the token, its bar, which is in no saved table, and what else."""
    return html.Thead(
        html.Tr(
            [
                html.Th("token", scope="col", title=name, **numbers(["token_id", "token"])),
                html.Th("", scope="col", **numbers([])),
                *(html.Th(word, scope="col", title=title) for word, title in names),
            ]
        )
    )


def effects(feature: FeatureDetail) -> Component:
    """Bars to either side of zero."""
    if not feature.promoted:
        return notice(
            "Nothing is known",
            "A feature that never fires has no list of promoted tokens in the build.",
        )
    size = max(
        (abs(one.effect or 0.0) for one in (*feature.promoted, *feature.suppressed)), default=0.0
    )
    return html.Div(
        [
            _effect_table("promoted", feature, feature.promoted, size),
            _effect_table("suppressed", feature, feature.suppressed, size),
        ],
        className="fs-browse-pair",
    )


def _effect_table(
    name: str, feature: FeatureDetail, tokens: Sequence[LogitToken], size: float
) -> Component:
    rows = [
        html.Tr(
            [
                _token_head(one, feature.sae_id),
                html.Td(
                    bar(
                        abs(one.effect or 0.0) / size if size else 0.0, "", f"fs-meter__bar--{name}"
                    ),
                    className="fs-bar-cell",
                    **numbers([]),
                ),
                _number_cell(one.effect, partial(fixed, digits=2, sign=True)),
            ]
        )
        for one in tokens
    ]
    columns = _token_heads(name, ("effect", "change of the logit per unit of activation"))
    return html.Div([html.H3(name), table(f"Tokens {name}", columns, rows)])


def nearest(feature: FeatureDetail) -> Component:
    """The ten nearest directions."""
    if feature.nearest is None:
        return notice("Not known", feature.details_missing or "")
    names = [
        ("feature", "dictionary entry"),
        ("cosine", "of the two W_dec rows"),
        ("firings", "in the corpus"),
        ("fires beyond chance at", NAMED_BY),
    ]
    return table(
        "Nearest features",
        heads(*names),
        [near_row(feature.sae_id, one) for one in feature.nearest],
    )


def nearest_words(feature: FeatureDetail) -> str:
    tied = " Others are as near as the last one." if feature.nearest_tied else ""
    return (
        f"By cosine of the decoder directions, of {feature.d_sae - 1:,} others in this SAE.{tied}"
    )
