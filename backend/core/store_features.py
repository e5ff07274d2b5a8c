"""Features of a build, and texts in which they fire."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from backend.core import store_sql as sql
from backend.core.edge_codec import decode_activation
from backend.core.store_base import Generation, Queries
from backend.core.store_rows import Example, FeatureRow

FEATURE_ORDERS = ("n_firings", "n_tokens", "act_max", "feature_index", "first_rank")
EXAMPLE_SOURCE = "sampled from the model"


class FeatureQueries(Queries):
    """Rows of `feature`, `sequence` and `example`."""

    def feature(self, sae_id: str, feature_index: int) -> FeatureRow | None:
        """One feature; None where the dictionary has no such index; zeros where it never fired."""
        found = self.features(sae_id, [feature_index])
        return found[0] if found else None

    def features(self, sae_id: str, ids: Sequence[int]) -> list[FeatureRow]:
        """These features, in the order asked; indices outside the dictionary are left out."""
        generation = self._current()
        ordinal, _, sae = self._sae(generation, sae_id)
        wanted = [int(i) for i in ids if 0 <= int(i) < sae.d_sae]
        rows = self._query(generation, sql.FEATURES_BY_ID, [ordinal, wanted])
        found = {values[0]: self._feature_row(generation, sae_id, values) for values in rows}
        silent: list[Any] = [0, 0, None, 0.0, None, None, [], [], [], []]
        return [found.get(i) or self._feature_row(generation, sae_id, (i, *silent)) for i in wanted]

    @staticmethod
    def _feature_row(generation: Generation, sae_id: str, values: tuple[Any, ...]) -> FeatureRow:
        feature_index, n_firings, *rest = values
        density = n_firings / max(generation.n_positions, 1)
        return FeatureRow(sae_id, feature_index, n_firings, density, *rest)

    def search_features(
        self,
        sae_id: str,
        q: str | None = None,
        min_density: float = 0.0,
        max_density: float = 1.0,
        order: str = "n_firings",
        limit: int = 100,
        offset: int = 0,
    ) -> tuple[list[FeatureRow], int]:
        """A page of active features and the number of all that match.

        `q` is a feature_index, or text (case ignored) of a token that is among the feature's top tokens
        or that it promotes.
        """
        if order not in FEATURE_ORDERS:
            raise ValueError(f"order {order!r}: use one of {list(FEATURE_ORDERS)}")
        generation = self._current()
        ordinal = self._sae(generation, sae_id)[0]
        total = generation.n_positions
        condition = [ordinal, q, min_density * total, max_density * total]
        direction = "ASC" if order in ("feature_index", "first_rank") else "DESC"
        rows = self._query(
            generation, sql.FEATURES.format(order=f"{order} {direction}, feature_index"), [*condition, limit, offset]
        )
        count = self._query(generation, sql.FEATURE_COUNT, condition)[0][0]
        return [self._feature_row(generation, sae_id, values) for values in rows], int(count)

    def examples(self, sae_id: str, feature_index: int, limit: int = 10) -> list[Example]:
        """Texts in which the feature fires, strongest first; the model wrote them (`source`)."""
        generation = self._current()
        ordinal, scale, _ = self._sae(generation, sae_id)
        rows = self._query(generation, sql.EXAMPLES, [ordinal, feature_index, limit])
        return [self._example(values, scale) for values in rows]

    @staticmethod
    def _example(values: tuple[Any, ...], scale: float) -> Example:
        token_ids, quantile, peak, positions, codes = values
        activations = [0.0] * len(token_ids)
        for position, activation in zip(positions, decode_activation(codes, scale).tolist(), strict=True):
            activations[position] = activation
        return Example(token_ids, activations, peak, activations[peak], quantile, EXAMPLE_SOURCE)
