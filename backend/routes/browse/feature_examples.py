"""Which texts a feature is shown with: by quantile of its peaks, or at one token."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from backend.core.companions.features.store import TokenExample
from backend.core.store import Store
from backend.core.store.features import Example
from backend.schemas import FeatureQuery

ALL_STORED = 1000  # a feature has about ten


@dataclass(frozen=True)
class Chosen:
    """Examples to show; how many match and are stored; token_id -> texts there are for it."""

    shown: list[Example]
    matching: int
    stored: int
    by_token: dict[int, int]


def choose_examples(
    store: Store,
    sae_id: str,
    feature_index: int,
    query: FeatureQuery,
    extra: Sequence[TokenExample],
) -> Chosen:
    """Stored texts and, for a token, those that were chosen for it (`extra`):
    strongest first, none twice.
    """
    spread = store.examples(sae_id, feature_index, ALL_STORED)
    seen = {example.sequence_id for example in spread}
    texts = store.sequences([one.sequence_id for one in extra])
    scale = store.place_of(sae_id)[1]
    added = {
        one.sequence_id: one.as_example(texts[one.sequence_id], scale)
        for one in extra
        if one.sequence_id in texts and one.sequence_id not in seen
    }
    everything = [*spread, *added.values()]
    tokens = {one.token_id for one in extra}
    by_token = Counter(i for example in everything for i in fires_at(example) & tokens)
    matching = [example for example in everything if _in_range(example, query)]
    if query.token_id is None:
        matching = [example for example in matching if example.quantile is not None]
    else:
        matching = [
            _at(example, query.token_id)
            for example in matching
            if query.token_id in fires_at(example)
        ]
    matching.sort(key=lambda example: (-example.activation, example.sequence_id))
    return Chosen(matching[: query.limit], len(matching), len(everything), dict(by_token))


def fires_at(example: Example) -> set[int]:
    """Tokens of the text at which the feature fires."""
    return {
        token for token, act in zip(example.token_ids, example.activations, strict=True) if act > 0
    }


def _in_range(example: Example, query: FeatureQuery) -> bool:
    if example.quantile is None:
        return (query.min_quantile, query.max_quantile) == (0.0, 1.0)
    return query.min_quantile <= example.quantile <= query.max_quantile


def _at(example: Example, token_id: int) -> Example:
    """The example, pointing at its strongest firing at the token."""
    places = [place for place, token in enumerate(example.token_ids) if token == token_id]
    best = max(places, key=lambda place: example.activations[place])
    return replace(example, position=best, activation=example.activations[best])
