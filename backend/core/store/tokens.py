"""Tokens of a build, and the features that they reach."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from backend.core.store.base import Generation, Queries
from backend.core.store.coverage_columns import RankedTokens
from backend.core.store.edge_codec import (
    EDGE_CHUNK_OF_TOKEN,
    EDGE_CHUNK_STARTS,
    EDGE_CHUNKS,
    EDGE_CHUNKS_BETWEEN,
    Edges,
    Ints,
    PackedEdges,
    joined,
    unpack,
)
from backend.core.store.feature_search import FeatureColumns
from backend.core.store.own_edges import OwnEdges, RecentEdges, no_edges, own_edges
from backend.core.store.token_table import TokenTable
from backend.core.token_classes import CLASS_NAMES

CHUNKS_A_PIECE = 128


@dataclass(frozen=True)
class TokenRow:
    token_id: int
    text: str
    token_class: str  # function, content, special
    occurrences: int
    documents: int
    document_coverage: float  # documents / all documents
    rank: int | None  # None for special tokens
    share: float  # occurrences / all non-special occurrences
    cumulative: float | None


TOKEN_ORDERS = {
    "frequency": "rank NULLS LAST, token_id",
    "document_coverage": "documents DESC, rank NULLS LAST, token_id",
    "token_id": "token_id",
}
_TOKEN_COLUMNS = "token_id, text, token_class, occurrences, documents, rank, cumulative"
_TOKEN_MATCH = """
($1::VARCHAR IS NULL OR contains(lower(text), lower($1::VARCHAR))
 OR token_id::VARCHAR = $1::VARCHAR)
AND ($2::UTINYINT IS NULL OR token_class = $2::UTINYINT)
"""
TOKENS = (
    f"SELECT {_TOKEN_COLUMNS} FROM token WHERE {_TOKEN_MATCH} ORDER BY {{order}} LIMIT "
    "$3::BIGINT OFFSET $4::BIGINT"
)
TOKEN_COUNT = f"SELECT count(*) FROM token WHERE {_TOKEN_MATCH}"
# What is held in memory of the vocabulary (token_table).
ALL_TOKENS = """
SELECT token_id::BIGINT AS token_id, text, lower(text) AS lower, token_class,
       occurrences::BIGINT AS occurrences,
       documents, coalesce(rank, 0)::INTEGER AS rank, coalesce(cumulative, 0)::BIGINT AS cumulative,
       coalesce(random_rank, 0)::INTEGER AS random_rank
FROM token ORDER BY token_id
"""
LOWER = "SELECT lower($1::VARCHAR)"
DEGREES = """
SELECT token_id::BIGINT AS token_id, degree FROM degree
WHERE sae_ordinal = $1 AND theta_ordinal = $2 AND min_count = $3
"""
POSITIONS_BY_CLASS = "SELECT token_class, sum(occurrences)::BIGINT FROM token GROUP BY token_class"


class TokenQueries(Queries):
    """Rows of `token` and `edge_chunk`."""

    def tokens(
        self,
        q: str | None = None,
        token_class: str | None = None,
        order: str = "frequency",
        limit: int = 100,
        offset: int = 0,
    ) -> tuple[list[TokenRow], int]:
        """A page of tokens and the number of all that match.

        `q` is looked for in the text (case ignored), or is an exact token_id; order: frequency,
        document_coverage or token_id.
        """
        if order not in TOKEN_ORDERS:
            raise ValueError(f"order {order!r}: use one of {sorted(TOKEN_ORDERS)}")
        if token_class is not None and token_class not in CLASS_NAMES:
            raise ValueError(f"token_class {token_class!r}: use one of {list(CLASS_NAMES)}")
        class_code = None if token_class is None else list(CLASS_NAMES).index(token_class)
        generation = self._current()
        found = self._query(
            generation,
            TOKENS.format(order=TOKEN_ORDERS[order]),
            [q, class_code, limit, offset],
        )
        total = self._query(generation, TOKEN_COUNT, [q, class_code])[0][0]
        return [self._token_row(generation, values) for values in found], int(total)

    def token(self, token_id: int) -> TokenRow | None:
        """One token, or None where the vocabulary has no such id."""
        return self.token_rows([token_id]).get(token_id)

    def token_rows(self, token_ids: Sequence[int]) -> dict[int, TokenRow]:
        """The known ones among these tokens, by id."""
        generation = self._current()
        found = self._token_table(generation).rows(list({int(i) for i in token_ids}))
        return {values[0]: self._token_row(generation, values) for values in found}

    def token_table(self) -> TokenTable:
        """The whole vocabulary, in memory."""
        return self._token_table(self._current())

    def tokens_named(self, q: str) -> list[int]:
        """token_ids of the tokens whose text holds `q`, case ignored."""
        generation = self._current()
        return self._token_table(generation).named(self._query(generation, LOWER, [q])[0][0])

    def _token_table(self, generation: Generation) -> TokenTable:
        """The whole vocabulary, read once for each version of the file."""
        # two threads may read the same at once, and keep the same
        if "tokens" not in generation.kept:
            generation.kept["tokens"] = TokenTable.of(self._columns(generation, ALL_TOKENS))
        table: TokenTable = generation.kept["tokens"]
        return table

    @staticmethod
    def _token_row(generation: Generation, values: tuple[Any, ...]) -> TokenRow:
        token_id, text, code, occurrences, documents, rank, cumulative = values
        total = max(generation.n_positions, 1)
        special = rank is None
        return TokenRow(
            token_id,
            text,
            CLASS_NAMES[code],
            occurrences,
            documents,
            documents / max(generation.n_documents, 1),
            rank,
            0.0 if special else occurrences / total,
            None if special else cumulative / total,
        )

    # -- edges -----------------------------------------------------------------------------------

    def own_edges(self, sae_id: str, token_id: int) -> OwnEdges:
        """Everything that one token reaches, as columns;
        activations stay codes until a row is asked for.
        """
        generation = self._current()
        ordinal, scale, _ = self._sae(generation, sae_id)
        if not 0 <= token_id < 1 << 32:
            return no_edges(scale)

        def read() -> OwnEdges:
            rows = self._query(generation, EDGE_CHUNK_OF_TOKEN, [ordinal, token_id])
            return own_edges(PackedEdges(*rows[0]), token_id, scale) if rows else no_edges(scale)

        recent: RecentEdges = generation.kept.setdefault("recent edges", RecentEdges())
        return recent.get((ordinal, token_id), read)

    def edge_pieces(self, sae_id: str, chunks: int = CHUNKS_A_PIECE) -> Iterator[Edges]:
        """All edges of an SAE, sorted by (token_id, feature_index);
        a chunk holds some 8,000, a piece a million.
        """
        return self._edge_pieces(self._current(), sae_id, chunks)

    def _edge_pieces(
        self, generation: Generation, sae_id: str, chunks: int = CHUNKS_A_PIECE
    ) -> Iterator[Edges]:
        ordinal, scale, _ = self._sae(generation, sae_id)
        starts = [row[0] for row in self._query(generation, EDGE_CHUNK_STARTS, [ordinal])]
        for at in range(0, len(starts), chunks):
            last = min(at + chunks, len(starts)) - 1
            rows = self._query(generation, EDGE_CHUNKS_BETWEEN, [ordinal, starts[at], starts[last]])
            yield joined([unpack(PackedEdges(*row), scale) for row in rows])

    @abstractmethod
    def feature_columns(self, sae_id: str) -> FeatureColumns:
        """The active features of one SAE as columns in memory."""

    def tokens_around(self, rank: int, width: int) -> list[TokenRow]:
        """The tokens within `width` places of a frequency rank, itself among them, by rank."""
        generation = self._current()
        rows = self._token_table(generation).around(rank, width)
        return [self._token_row(generation, values) for values in rows]

    def degree_place(self, token_id: int, sae_id: str) -> tuple[int, int]:
        """(degree, place by degree: 1 = no token has a larger one) at theta = 0, min_count = 1."""
        generation = self._current()
        ordinal = self._sae(generation, sae_id)[0]
        degrees = self._degrees(generation, ordinal, 0, 1)
        key = ("degrees, ascending", ordinal)
        if key not in generation.kept:
            generation.kept[key] = np.sort(degrees)
        ascending: Ints = generation.kept[key]
        place_of = self._ranked_tokens(generation).place_of
        own = (
            int(degrees[place_of[token_id]])
            if 0 <= token_id < len(place_of) and place_of[token_id] >= 0
            else 0
        )
        return own, 1 + len(ascending) - int(np.searchsorted(ascending, own, side="right"))

    def _ranked_tokens(self, generation: Generation) -> RankedTokens:
        if "ranked tokens" not in generation.kept:
            table = self._token_table(generation)
            by_rank = {name: column[table.ranked] for name, column in table.columns.items()}
            generation.kept["ranked tokens"] = RankedTokens.of(by_rank)
        tokens: RankedTokens = generation.kept["ranked tokens"]
        return tokens

    def _degrees(
        self, generation: Generation, ordinal: int, theta_ordinal: int, min_count: int
    ) -> Ints:
        """[tokens with a rank] features with at least min_count firings above theta, by rank."""
        key = ("degrees", ordinal, theta_ordinal, min_count)
        if key not in generation.kept:
            tokens = self._ranked_tokens(generation)
            found = self._columns(generation, DEGREES, key[1:])
            degree = np.zeros(len(tokens.token_id), np.int32)
            degree[tokens.place_of[found["token_id"]]] = found["degree"]
            generation.kept[key] = degree
        degrees: Ints = generation.kept[key]
        return degrees

    def positions_by_class(self) -> dict[str, int]:
        """Positions of the corpus that hold a token of each class;
        special ones are never counted.
        """
        rows = self._query(self._current(), POSITIONS_BY_CLASS)
        return {
            name: sum(n for code, n in rows if CLASS_NAMES[code] == name) for name in CLASS_NAMES
        }

    def edges(self, sae_id: str, token_ids: Sequence[int] | None = None) -> Edges:
        """The edges of these tokens, or all, sorted by (token_id, feature_index)."""
        generation = self._current()
        ordinal, scale, _ = self._sae(generation, sae_id)
        if token_ids is None:
            rows = self._query(generation, EDGE_CHUNKS, [ordinal])
            return joined([unpack(PackedEdges(*row), scale) for row in rows])
        found, last, chunk = list[Edges](), -1, joined([])
        for token_id in sorted({int(i) for i in token_ids if 0 <= int(i) < 1 << 32}):
            if token_id > last:  # else it lies in the chunk that was read for the token before
                rows = self._query(generation, EDGE_CHUNK_OF_TOKEN, [ordinal, token_id])
                packed = [PackedEdges(*row) for row in rows]
                chunk = joined([unpack(one, scale) for one in packed])
                last = packed[0].token_last if packed else token_id
            found.append(chunk.of_token(token_id))
        return joined(found)
