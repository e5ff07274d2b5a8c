"""What a feature is called: the tokens at which it fires more than their share of the text.

    share = firings at the token / firings of the feature
    lift  = share / (occurrences of the token / positions of the text)

Tokens are ordered by share · ln(lift), what each adds to the relative entropy between where the
feature fires and the text. The most frequent tokens would name half of all features "the . ,", and
lift alone by words that were met once.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from backend.core.store.base import Generation
from backend.core.store.edge_codec import EDGE_COUNT, Edges
from backend.core.store.tokens import TokenQueries

N_NAMES = 5  # tokens of a name
NAMED_EDGES = 20_000_000  # of one SAE: some 4 s, once
FEATURE_FIRINGS = """
SELECT feature_index::BIGINT AS feature_index, n_firings::BIGINT AS n_firings
FROM feature WHERE sae_ordinal = $1
"""
_NAMING = threading.Lock()

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


def feature_names(pieces: Iterable[Edges], n_firings: Ints, token_share: Floats) -> Ints:
    """[feature_index, N_NAMES] token_ids, the most telling first; -1 beyond those of lift above 1.

    n_firings: [feature_index]; token_share: [token_id], of the text's positions.
    """
    kept = _Scored.nothing()
    for piece in pieces:
        kept = kept.joined(_scored(piece, n_firings, token_share)).best()
    names: Ints = np.full((len(n_firings), N_NAMES), -1, np.int64)
    names[kept.feature_index, kept.places()] = kept.token_id
    return names


class _Scored:
    """Candidates, parallel arrays [n]."""

    def __init__(self, feature_index: Ints, token_id: Ints, score: Floats) -> None:
        self.feature_index, self.token_id, self.score = feature_index, token_id, score

    @classmethod
    def nothing(cls) -> _Scored:
        return cls(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0))

    def joined(self, other: _Scored) -> _Scored:
        return _Scored(
            np.concatenate([self.feature_index, other.feature_index]),
            np.concatenate([self.token_id, other.token_id]),
            np.concatenate([self.score, other.score]),
        )

    def best(self) -> _Scored:
        """The N_NAMES of each feature with the highest scores, by feature and score."""
        order = np.lexsort((self.token_id, -self.score, self.feature_index))
        ordered = _Scored(self.feature_index[order], self.token_id[order], self.score[order])
        chosen = ordered.places() < N_NAMES
        return _Scored(
            ordered.feature_index[chosen], ordered.token_id[chosen], ordered.score[chosen]
        )

    def places(self) -> Ints:
        """Of each among those of its feature, which stand together."""
        starts = np.flatnonzero(np.diff(self.feature_index, prepend=-1))
        sizes = np.diff(np.append(starts, len(self.feature_index)))
        return np.arange(len(self.feature_index)) - np.repeat(starts, sizes)


def _scored(edges: Edges, n_firings: Ints, token_share: Floats) -> _Scored:
    """Those with a lift above 1."""
    share = edges.n_firings / n_firings[edges.feature_index]
    lift = share / token_share[edges.token_id]
    telling = lift > 1
    score = share[telling] * np.log(lift[telling])
    return _Scored(edges.feature_index[telling], edges.token_id[telling], score)


class NameQueries(TokenQueries):
    """Names of all features of an SAE, made once for each version of the file."""

    def _names(
        self, generation: Generation, sae_id: str, wanted: Sequence[int]
    ) -> dict[int, list[int]]:
        """feature_index → token_ids of its name. Empty lists where nothing is over-represented,
        and for an SAE with so many edges that it would take long.
        """
        if not wanted:
            return {}
        ordinal, _, sae = self._sae(generation, sae_id)
        key = ("feature names", ordinal)
        if key not in generation.kept:
            with _NAMING:
                if key not in generation.kept:
                    few = self._query(generation, EDGE_COUNT, [ordinal])[0][0] <= NAMED_EDGES
                    made = self._make_names(generation, sae_id, sae.d_sae) if few else None
                    generation.kept[key] = made
        names: Ints | None = generation.kept[key]
        if names is None:
            return {i: [] for i in wanted}
        return {i: names[i][names[i] >= 0].tolist() for i in wanted}

    def _make_names(self, generation: Generation, sae_id: str, d_sae: int) -> Ints:
        numbers = self._columns(generation, FEATURE_FIRINGS, [self._sae(generation, sae_id)[0]])
        n_firings = np.ones(d_sae, np.int64)
        n_firings[numbers["feature_index"]] = numbers["n_firings"]
        columns = self._token_table(generation).columns
        token_share = np.ones(int(columns["token_id"].max(initial=0)) + 1)
        occurrences = np.maximum(columns["occurrences"], 1)
        token_share[columns["token_id"]] = occurrences / max(generation.n_positions, 1)
        return feature_names(self._edge_pieces(generation, sae_id), n_firings, token_share)
