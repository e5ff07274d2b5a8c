"""Features of a build, and texts in which they fire."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from backend.core.store.base import Generation
from backend.core.store.edge_codec import decode_activation
from backend.core.store.feature_names import N_NAMES, NameQueries
from backend.core.store.feature_search import (
    ORDERS,
    FeatureColumns,
    Lifts,
    TokenIndex,
    Wanted,
    search,
)
from backend.core.store.feature_table import FeatureTable, TokenLists
from backend.core.store.own_edges import EdgeRow


@dataclass(frozen=True)
class FeatureRow:
    sae_id: str
    feature_index: int
    n_firings: int
    density: float  # n_firings / non-special corpus positions
    n_tokens: int
    mean_activation: float | None  # None: it never fired in the corpus
    act_max: float
    act_q999: float | None  # +-1.6 %
    first_rank: int | None
    top_token_ids: list[int]  # by count
    top_by_strength: list[int]
    promoted_token_ids: list[int]
    suppressed_token_ids: list[int]
    # what it is called: see feature_names; by count where nothing is over-represented
    name_token_ids: list[int] = field(default_factory=list)


@dataclass(frozen=True)
class Example:
    token_ids: list[int]
    activations: list[float]  # one per token of token_ids, 0 = silent; within 2.2 %
    position: int  # index within token_ids of the strongest firing
    activation: float
    quantile: float | None  # None: chosen for its token, not for its strength
    source: str
    sequence_id: int


_FEATURE_COLUMNS = """
feature_index, n_firings, n_tokens, mean_activation, act_max, act_q999, first_rank,
top_by_count, top_by_strength, promoted, suppressed
"""
# joined, not list_contains: that compares every row with every id (41 ms for 50 features of 2^20,
# this 9)
FEATURES_BY_ID = f"""
SELECT {_FEATURE_COLUMNS}
FROM (SELECT unnest($2::UINTEGER[]) AS feature_index) JOIN feature USING (feature_index)
WHERE sae_ordinal = $1
"""
# What a search holds in memory, all in the order of the file: sorting a million lists takes 0.4 GB
# for a moment.
FEATURE_NUMBERS = """
SELECT feature_index::BIGINT AS feature_index, n_firings::BIGINT AS n_firings,
       n_tokens::INTEGER AS n_tokens,
       mean_activation, act_max, act_q999, first_rank::INTEGER AS first_rank
FROM feature WHERE sae_ordinal = $1
"""
FEATURE_LISTS = ("top_by_count", "top_by_strength", "promoted", "suppressed")
FEATURE_LIST_SIZES = "SELECT len({column})::INTEGER AS size FROM feature WHERE sae_ordinal = $1"
FEATURE_LISTED = "SELECT unnest({column}) AS token_id FROM feature WHERE sae_ordinal = $1"
EXAMPLES = """
SELECT s.token_ids, e.quantile, e.peak, e.positions, e.activations, e.sequence_id
FROM example e JOIN sequence s USING (sequence_id)
WHERE e.sae_ordinal = $1 AND e.feature_index = $2::UINTEGER
  AND e.quantile BETWEEN $4::FLOAT AND $5::FLOAT
ORDER BY e.quantile DESC, e.sequence_id LIMIT $3::BIGINT
"""
SEQUENCES = """
SELECT sequence_id, token_ids
FROM (SELECT unnest($1::UINTEGER[]) AS sequence_id) JOIN sequence USING (sequence_id)
"""
SEQUENCE_END = "SELECT coalesce(max(sequence_id) + 1, 0) FROM sequence"


FEATURE_ORDERS = tuple(ORDERS)
EXAMPLE_SOURCE = "sampled from the model"
_LOADING = threading.Lock()  # columns of a wide SAE take seconds: one thread reads, the others wait


@dataclass(frozen=True)
class FeaturesFound:
    """A page of a search: rows in order, how many match in all,
    and each row's edge to the token asked for.
    """

    rows: list[FeatureRow]
    total: int
    n_active: int
    edges: list[EdgeRow | None]
    places: list[int]  # of the rows among the active features, ascending feature_index


class FeatureQueries(NameQueries):
    """Rows of `feature`, `sequence` and `example`."""

    def feature(self, sae_id: str, feature_index: int) -> FeatureRow | None:
        """One feature; None where the dictionary has no such index; zeros where it never fired."""
        return next(iter(self.features(sae_id, [feature_index])), None)

    def features(self, sae_id: str, ids: Sequence[int]) -> list[FeatureRow]:
        """These features, in the order asked; indices outside the dictionary are left out."""
        generation = self._current()
        ordinal, _, sae = self._sae(generation, sae_id)
        wanted = [int(i) for i in ids if 0 <= int(i) < sae.d_sae]
        table: FeatureTable | None = generation.kept.get(("feature table", ordinal))
        if table is not None:
            rows = table.rows(wanted)
        else:  # not every question is worth reading the whole SAE into memory
            rows = iter(
                self._query(generation, FEATURES_BY_ID, [ordinal, list(dict.fromkeys(wanted))])
            )
        found = {values[0]: self._feature_row(generation, sae_id, values) for values in rows}
        names = self._names(generation, sae_id, list(found))
        for i, row in found.items():
            found[i] = replace(row, name_token_ids=names[i] or row.top_token_ids[:N_NAMES])
        return [found.get(i) or self._feature_row(generation, sae_id, _silent(i)) for i in wanted]

    @staticmethod
    def _feature_row(generation: Generation, sae_id: str, values: tuple[Any, ...]) -> FeatureRow:
        feature_index, n_firings, *rest = values
        density = n_firings / max(generation.n_positions, 1)
        return FeatureRow(sae_id, feature_index, n_firings, density, *rest)

    # -- search ----------------------------------------------------------------------------------

    def feature_columns(self, sae_id: str) -> FeatureColumns:
        """The active features of one SAE as columns in memory,
        read once for each version of the file.
        """
        generation = self._current()
        ordinal = self._sae(generation, sae_id)[0]
        key = ("feature columns", ordinal)
        if key not in generation.kept:
            with _LOADING:
                if key not in generation.kept:
                    table = self._read_features(generation, ordinal)
                    generation.kept["feature table", ordinal] = table
                    listings = (table.lists[name] for name in ("top_by_count", "promoted"))
                    indexes = [TokenIndex.of(one.owners(), one.token_ids) for one in listings]
                    generation.kept[key] = FeatureColumns(
                        table.feature_index, table.numbers, *indexes
                    )
        columns: FeatureColumns = generation.kept[key]
        return columns

    def _read_features(self, generation: Generation, ordinal: int) -> FeatureTable:
        numbers = self._columns(generation, FEATURE_NUMBERS, [ordinal])
        lists = {}
        for column in FEATURE_LISTS:
            sizes = self._columns(generation, FEATURE_LIST_SIZES.format(column=column), [ordinal])
            listed = self._columns(generation, FEATURE_LISTED.format(column=column), [ordinal])
            lists[column] = TokenLists.of(sizes["size"], listed["token_id"])
        return FeatureTable.of(numbers, lists)

    def find_features(
        self, sae_id: str, wanted: Wanted, token_id: int | None = None, lifts: Lifts | None = None
    ) -> FeaturesFound:
        """A page of the active features that match. `token_id`: only those with an edge to it.

        `lifts` is aligned with `feature_columns`. ValueError, beginning with the name of the
        setting.
        """
        columns = self.feature_columns(sae_id)
        if wanted.q is not None:
            wanted = replace(wanted, texts=self.tokens_named(wanted.q))
        edges = None if token_id is None else self.own_edges(sae_id, token_id)
        found = search(columns, wanted, edges, lifts)
        rows = self.features(sae_id, columns.feature_index[found.places].tolist())
        shown: list[EdgeRow | None] = [None] * len(rows)
        if edges is not None:
            shown = [*edges.rows(found.edge)]
        return FeaturesFound(
            rows, found.total, len(columns.feature_index), shown, found.places.tolist()
        )

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

        `q` is a feature_index, or text (case ignored) of a token that is among the feature's top
        tokens or that it promotes.
        """
        low, high = self.firings_between(min_density, max_density)
        wanted = Wanted(
            q=q, min_firings=low, max_firings=high, order=order, limit=limit, offset=offset
        )
        found = self.find_features(sae_id, wanted)
        return found.rows, found.total

    def firings_between(self, min_density: float, max_density: float) -> tuple[float, float]:
        """A range of density as a range of firings."""
        total = self._current().n_positions
        return min_density * total, max_density * total

    def exclusive_features(
        self, sae_id: str, rank: int | None, limit: int
    ) -> tuple[list[int], int]:
        """feature_index of what only the token of this rank reaches, most firings first;
        and how many there are.
        """
        only = [] if rank is None else self.feature_columns(sae_id).exclusive_to(rank).tolist()
        return only[:limit], len(only)

    # -- examples --------------------------------------------------------------------------------

    def examples(
        self,
        sae_id: str,
        feature_index: int,
        limit: int = 10,
        min_quantile: float = 0.0,
        max_quantile: float = 1.0,
    ) -> list[Example]:
        """Texts in which the feature fires, strongest first; the model wrote them (`source`)."""
        generation = self._current()
        ordinal, scale, _ = self._sae(generation, sae_id)
        rows = self._query(
            generation, EXAMPLES, [ordinal, feature_index, limit, min_quantile, max_quantile]
        )
        return [example_of(values, scale) for values in rows]

    def sequences(self, sequence_ids: Sequence[int]) -> dict[int, list[int]]:
        """token_ids of these texts, BOS first, by sequence_id; unknown ids are left out."""
        rows = self._query(self._current(), SEQUENCES, [list({int(i) for i in sequence_ids})])
        return {values[0]: values[1] for values in rows}

    def n_sequences(self) -> int:
        """One more than the largest sequence_id; 0 without texts."""
        return int(self._query(self._current(), SEQUENCE_END)[0][0])

    def place_of(self, sae_id: str) -> tuple[int, float]:
        """(sae_ordinal, act_scale: the unit of the SAE's activation codes),
        as companions need them.
        """
        return self._sae(self._current(), sae_id)[:2]


def _silent(feature_index: int) -> tuple[Any, ...]:
    """The row of a feature that never fired in the corpus."""
    return (feature_index, 0, 0, None, 0.0, None, None, [], [], [], [])


def example_of(values: tuple[Any, ...], scale: float) -> Example:
    """From a row of EXAMPLES; activations of the whole text, 0 where the feature is silent."""
    token_ids, quantile, peak, positions, codes, sequence_id = values
    activations = [0.0] * len(token_ids)
    for position, activation in zip(
        positions, decode_activation(codes, scale).tolist(), strict=True
    ):
        activations[position] = activation
    return Example(
        token_ids, activations, peak, activations[peak], quantile, EXAMPLE_SOURCE, sequence_id
    )
