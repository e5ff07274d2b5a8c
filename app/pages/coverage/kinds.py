"""The coverage page's table of classes by frequency and kinds by spelling. Pure."""

from __future__ import annotations

from dash import html
from dash.development.base_component import Component

from app.pages.coverage.statistics import Cell, plain_table, share_cell
from app.parts.numbers import fixed, interval
from backend.schemas.statistics import KindSummary, LabelPermutation, StatisticsResponse

GROUP_NAMES = {
    "function": "function, by frequency",
    "content": "content, by frequency",
    "punctuation": "punctuation and space",
    "closed_class": "closed-class words",
    "other_word": "other words",
    "word_piece": "pieces of words",
    "digits": "digits",
    "han": "Han characters",
    "other": "other",
    "all": "all tokens",
}


def kind_table(told: StatisticsResponse) -> Component:
    """Classes by frequency and kinds by spelling:
    reach, reach at equal positions, and degree at equal frequency.
    """
    labels = {row.label: row for row in told.labels}
    spread = {row.token_group: row for row in told.spread}
    common = told.kinds[0].common_n if told.kinds else 0
    heads = _heads(common)
    made = []
    for row in told.kinds:
        even = spread.get(row.token_group)
        made.append(
            (
                "",
                [
                    GROUP_NAMES[row.token_group],
                    f"{row.n_tokens:,}",
                    *_reach(row),
                    _label_cell(labels.get(row.token_group)),
                    "–"
                    if even is None
                    else html.Span(
                        f"{even.mean_evenness:.2f}",
                        title=f"95 % interval {interval(even.interval, 2)} · "
                        f"n = {even.n_tokens:,} tokens with {even.min_occurrences} "
                        "occurrences or more",
                        className="fs-hoverable",
                    ),
                ],
            )
        )
    return plain_table(heads, made, "Classes by frequency and by kind")


def _heads(common: int) -> list[tuple[str, str]]:
    return [
        ("tokens", "by frequency at the build's own cut, or by the token's spelling alone"),
        ("n", "tokens that occur"),
        ("reach", "share of the active features that they reach together"),
        (
            f"at {common:,}",
            f"expected share that {common:,} of their positions reach: the smallest group's number",
        ),
        (
            "degree",
            "degree against other tokens of the same frequency: labels permuted within strata of "
            "frequency",
        ),
        (
            "evenness",
            "documents that hold a token / documents expected, had its positions been strewn at "
            "random",
        ),
    ]


def _reach(row: KindSummary) -> list[Cell]:
    """What a kind reaches, and at the common number of positions; a kind that no token is of has
    no reach, which is another thing than reaching nothing.
    """
    if not row.n_tokens:
        return [html.Span("–", title="no such token occurs", className="fs-hoverable")] * 2
    return [
        share_cell(row.coverage, row.interval, f"{row.occurrences:,} positions"),
        share_cell(row.at_common, row.common_interval, f"{row.common_n:,} positions"),
    ]


def _label_cell(row: LabelPermutation | None) -> Cell:
    """How many times the degree of other tokens,
    with a mark where permuted labels do not do as much.
    """
    if row is None:
        return html.Span(
            "–",
            title="no other tokens are as frequent: nothing to compare",
            className="fs-hoverable",
        )
    low, high = row.null_interval
    title = (
        f"× 2^{fixed(row.observed, 3, sign=True)}; permuted labels give "
        f"2^{interval((low, high), 3, sign=True)} (95 %), p = {row.p_value:.2g}; "
        f"n = {row.n_labelled:,} against {row.n_others:,} tokens in {row.n_strata} strata"
    )
    beyond = not low <= row.observed <= high
    return html.Span(
        f"×{2**row.observed:.2f}{' *' if beyond else ''}", title=title, className="fs-hoverable"
    )
