"""What the build knows of the features that fire in a prompt: a few words each, for many features at once."""

from __future__ import annotations

from collections.abc import Sequence

from backend.core.store_rows import FeatureRow
from backend.routes.prompting import Prompt
from backend.schemas import FeatureInfo

TOKENS_LISTED = 5


def feature_info(prompt: Prompt, sae_id: str, features: Sequence[int]) -> dict[str, FeatureInfo]:
    """By feature_index as a string, since JSON keys are strings. Nulls where the build lacks the SAE."""
    store = prompt.store
    if store is None or sae_id not in {row.sae_id for row in store.saes()}:
        nothing = FeatureInfo(density=None, top_tokens=[], promoted_tokens=[], act_q999=None)
        return {str(index): nothing for index in features}
    return {str(row.feature_index): _info(prompt, row) for row in store.features(sae_id, features)}


def _info(prompt: Prompt, row: FeatureRow) -> FeatureInfo:
    text = prompt.loaded.text
    return FeatureInfo.model_construct(
        density=row.density,
        top_tokens=[text(i) for i in row.top_token_ids[:TOKENS_LISTED]],
        promoted_tokens=[text(i) for i in row.promoted_token_ids[:TOKENS_LISTED]],
        act_q999=row.act_q999,
    )
