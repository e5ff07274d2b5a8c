"""What a feature is called wherever features are listed."""

from __future__ import annotations

from backend.schemas import FeatureNote, FeatureRow, NearFeature, TokenRef

NAMED_BY = (
    "tokens at which it fires most beyond their share of the text: its share of firings there "
    "times the logarithm of the lift"
)


def name_of(feature: FeatureRow | FeatureNote | NearFeature) -> list[TokenRef]:
    """Up to four tokens; its most frequent ones where nothing else is known."""
    return (feature.name_tokens or feature.top_tokens)[:4]
