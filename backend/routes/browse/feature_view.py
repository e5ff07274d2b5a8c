"""Rows of the store as the wire shows them: features in lists, and one feature whole."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from backend.core.companions.features.lift import lifts as lifts_of
from backend.core.companions.features.store import FeatureDetail as StoredDetail
from backend.core.companions.features.store import FeatureDetailStore
from backend.core.store import Store
from backend.core.store.feature_search import Lifts
from backend.core.store.features import Example as StoredExample
from backend.core.store.features import FeatureRow as StoredFeature
from backend.core.store.own_edges import EdgeRow
from backend.core.store.token_table import TokenTable
from backend.core.store.tokens import TokenRow
from backend.routes.browse.refs import refs_json, token_ref, token_refs
from backend.routes.request.splice import array, spliced
from backend.schemas import (
    Example,
    FeatureNote,
    FiringClasses,
    FiringToken,
    HistogramBin,
    Lift,
    LogitToken,
    NearFeature,
    TokenEdge,
)

TOKEN_LISTS = {
    "top_tokens": "top_token_ids",
    "name_tokens": "name_token_ids",
    "top_by_strength": "top_by_strength",
    "promoted_tokens": "promoted_token_ids",
    "suppressed_tokens": "suppressed_token_ids",
}
NOTED = 5  # tokens of a list in a note


def without_tokens(row: StoredFeature) -> dict[str, Any]:
    """The row's fields, its lists of tokens empty: they are `listed_tokens`."""
    return vars(row) | dict.fromkeys(TOKEN_LISTS, ())


def listed_tokens(tokens: TokenTable, row: StoredFeature) -> dict[str, str]:
    """The row's lists of tokens by the wire's name, as JSON."""
    return {name: refs_json(tokens, getattr(row, column)) for name, column in TOKEN_LISTS.items()}


def edge_of(edge: EdgeRow, occurrences: int, feature_firings: int | None = None) -> TokenEdge:
    """`occurrences` of the token in the corpus; `feature_firings`:
    of the feature at all tokens, if told.
    """
    return TokenEdge(
        feature_index=edge.feature_index,
        n_firings=edge.n_firings,
        mean_activation=edge.act_mean,
        act_max=edge.act_max,
        share_of_token=edge.n_firings / max(occurrences, 1),
        share_of_feature=None
        if feature_firings is None
        else edge.n_firings / max(feature_firings, 1),
    )


def edge_json(tokens: TokenTable, edge: EdgeRow, occurrences: int, feature: StoredFeature) -> str:
    """A TokenEdge with a note on its feature, as JSON."""
    note = FeatureNote(
        n_firings=feature.n_firings,
        density=feature.density,
        n_tokens=feature.n_tokens,
        top_tokens=[],
        promoted_tokens=[],
    )
    listed = {
        "top_tokens": refs_json(tokens, feature.top_token_ids[:NOTED]),
        "name_tokens": refs_json(tokens, feature.name_token_ids),
        "promoted_tokens": refs_json(tokens, feature.promoted_token_ids[:NOTED]),
    }
    return spliced(edge_of(edge, occurrences, feature.n_firings), {"note": spliced(note, listed)})


def lift_at(lifts: Lifts, place: int) -> Lift:
    """Infinite ends are null on the wire."""
    value, low, high = (float(one[place]) for one in (lifts.value, lifts.low, lifts.high))
    return Lift(lift=_finite(value), low=low, high=_finite(high))


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


# -- one feature ----------------------------------------------------------------------------------


Behind = tuple[int | None, float | None]  # a token's firings and its largest activation


def firing_tokens(
    known: dict[int, TokenRow], ids: Sequence[int], row: StoredFeature, behind: Sequence[Behind]
) -> list[FiringToken]:
    """A token list with what stands behind each; null for what is not known."""
    return [
        FiringToken(
            **token_ref(known[token_id]).model_dump(),
            n_firings=count,
            act_max=most,
            share_of_feature=None if count is None else count / max(row.n_firings, 1),
        )
        for token_id, (count, most) in zip(ids, behind, strict=True)
        if token_id in known
    ]


def behind_tokens(
    store: Store,
    row: StoredFeature,
    ids: Sequence[int],
    stored: tuple[Sequence[int], Sequence[float]],
) -> list[Behind]:
    """Of each token, in the order of `ids`; `stored` are the details' own numbers.

    The details have them from the build's listed edges: of a token whose edge is not listed they
    hold nothing that could be shown.
    """
    least = store.edges_from
    unlisted: Behind = (1 if least == 2 else None, None)
    return [
        (count, min(most, row.act_max))
        if least == 1 or store.own_edges(row.sae_id, token_id).to([row.feature_index])
        else unlisted
        for token_id, count, most in zip(ids, *stored, strict=True)
    ]


def logit_tokens(
    known: dict[int, TokenRow], ids: Sequence[int], effects: Sequence[float]
) -> list[LogitToken]:
    return [
        LogitToken(
            **token_ref(known[token_id]).model_dump(), effect=effects[place] if effects else None
        )
        for place, token_id in enumerate(ids)
        if token_id in known
    ]


def token_fields(
    store: Store, known: dict[int, TokenRow], row: StoredFeature, detail: StoredDetail | None
) -> dict[str, Any]:
    """The four token lists with their numbers."""
    d = detail
    often: list[Behind] = [(None, None)] * len(row.top_token_ids)
    strong: list[Behind] = [(None, None)] * len(row.top_by_strength)
    if d:
        often = behind_tokens(store, row, row.top_token_ids, (d.count_firings, d.count_max))
        strong = behind_tokens(
            store, row, row.top_by_strength, (d.strength_firings, d.strength_max)
        )
        if strong and strong[0][1] is None:  # the strongest token has the feature's own maximum
            strong[0] = (strong[0][0], row.act_max)
    return {
        "tokens_by_count": firing_tokens(known, row.top_token_ids, row, often),
        "tokens_by_strength": firing_tokens(known, row.top_by_strength, row, strong),
        "promoted": logit_tokens(known, row.promoted_token_ids, d.promoted_effect if d else ()),
        "suppressed": logit_tokens(
            known, row.suppressed_token_ids, d.suppressed_effect if d else ()
        ),
    }


def detail_fields(
    details: FeatureDetailStore,
    detail: StoredDetail,
    row: StoredFeature,
    near: Sequence[NearFeature],
) -> dict[str, Any]:
    """Histogram, classes and nearest features."""
    return {
        "histogram": [
            HistogramBin(low=low, high=high, n_firings=n) for low, high, n in detail.bins()
        ],
        "classes": firing_classes(details.positions(), detail, row) if row.n_firings else None,
        "nearest": list(near),
        "nearest_tied": detail.near_tied,
    }


def firing_classes(
    positions: tuple[int, int], detail: StoredDetail, row: StoredFeature
) -> FiringClasses:
    counts = (
        np.array([detail.n_function]),
        np.array([row.n_firings]),
        np.array([detail.n_effective]),
    )
    lift = lift_at(lifts_of(*counts, positions), 0)
    return FiringClasses(
        **lift.model_dump(),
        n_function=detail.n_function,
        n_content=row.n_firings - detail.n_function,
        function_positions=positions[0],
        content_positions=positions[1],
        effective_firings=detail.n_effective,
    )


def near_features(store: Store, sae_id: str, detail: StoredDetail) -> list[NearFeature]:
    """The nearest features with a few words on each."""
    rows = store.features(sae_id, detail.near_index)
    listed = {i for row in rows for i in row.top_token_ids[:NOTED] + row.name_token_ids}
    known = store.token_rows(sorted(listed))
    return [
        NearFeature(
            feature_index=row.feature_index,
            cosine=cosine,
            n_firings=row.n_firings,
            top_tokens=token_refs(known, row.top_token_ids[:NOTED]),
            name_tokens=token_refs(known, row.name_token_ids),
        )
        for row, cosine in zip(rows, detail.near_cosine, strict=True)
    ]


def examples_json(store: Store, rows: Sequence[StoredExample]) -> str:
    """Examples with readable tokens, as JSON."""
    tokens = store.token_table()
    return array(
        spliced(
            Example.model_validate(vars(row) | {"tokens": ()}),
            {"tokens": refs_json(tokens, row.token_ids)},
        )
        for row in rows
    )
