"""The edges of one token, unpacked no further than is asked:
a frequent token may have 2^20 of them.

Counts and feature indices are whole columns, activations stay codes (order is all that most
questions need); only the rows that are shown become activations. 2^20 edges cost 25 ms so, 110 ms
unpacked to the end.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from backend.core.store.edge_codec import STEPS_PER_OCTAVE, PackedEdges, decode_activation, inflate
from backend.core.store.feature_search import Column, FeatureColumns, first_of


@dataclass(frozen=True)
class EdgeRow:
    feature_index: int
    n_firings: int  # exact
    act_mean: float  # within 2.2 %, as act_max (edge_codec)
    act_max: float

    @property
    def act_sum(self) -> float:
        """Sum over the firings, to the precision of act_mean."""
        return self.act_mean * self.n_firings


TOKEN_EDGE_ORDERS = ("count", "strength", "share")
EDGES_KEPT = 2_000_000  # of the tokens asked for last: 48 MB; most questions are about few tokens

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class OwnEdges:
    """Parallel arrays [n] of one token, by feature_index;
    the means are unpacked when rows are asked for.
    """

    feature_index: Ints
    n_firings: Ints
    strength: Ints  # code of the largest activation: orders as activations do
    scale: float
    packed_mean: tuple[bytes, int, slice]  # blob, edges in it, which are the token's

    def first(self, limit: int, order: str, columns: FeatureColumns | None) -> list[EdgeRow]:
        """The first edges of an order; `columns` are needed for the order "share"."""
        key: Column
        if order == "count":
            key = -(self.n_firings << 8 | self.strength)
        elif order == "strength":
            key = -(self.strength << 48 | self.n_firings)
        elif order == "share" and columns is not None:
            key = -(
                self.n_firings / columns.numbers["n_firings"][columns.places_of(self.feature_index)]
            )
        else:
            raise ValueError(f"order {order!r}: use one of {list(TOKEN_EDGE_ORDERS)}")
        return self.rows(first_of(key, limit))

    def to(self, feature_indices: Sequence[int]) -> list[EdgeRow]:
        """The edges to these features, in the order asked; those there are none to are left out."""
        wanted = np.asarray(feature_indices, dtype=np.int64)
        place = np.searchsorted(self.feature_index, wanted)
        there = place < len(self.feature_index)
        there[there] = self.feature_index[place[there]] == wanted[there]
        return self.rows(place[there])

    def rows(self, places: Ints) -> list[EdgeRow]:
        """These edges, with activations."""
        act_max = decode_activation(self.strength[places], self.scale)
        blob, n, here = self.packed_mean
        below = inflate(blob, n)[here][places] if len(places) else places
        act_mean = act_max * np.exp2(-below / STEPS_PER_OCTAVE)
        lists = (self.feature_index[places], self.n_firings[places], act_mean, act_max)
        return [EdgeRow(*values) for values in zip(*(one.tolist() for one in lists), strict=True)]


def own_edges(packed: PackedEdges, token_id: int, scale: float) -> OwnEdges:
    """Those of one token of a chunk, which must hold it."""
    degrees = inflate(packed.degrees, packed.token_last - packed.token_first + 1)
    place = token_id - packed.token_first
    start = int(degrees[:place].sum())
    here = slice(start, start + int(degrees[place]))
    gaps, counts, codes = (
        inflate(blob, packed.n_edges)[here]
        for blob in (packed.gaps, packed.n_firings, packed.act_max)
    )
    return OwnEdges(np.cumsum(gaps), counts, codes, scale, (packed.act_mean, packed.n_edges, here))


def no_edges(scale: float) -> OwnEdges:
    """Of a token that no chunk holds."""
    nothing = np.empty(0, np.int64)
    return OwnEdges(nothing, nothing, nothing, scale, (b"", 0, slice(0, 0)))


class RecentEdges:
    """The edges of the tokens asked for last, within a number of edges in all.

    Threads may share it.
    """

    def __init__(self, most: int = EDGES_KEPT) -> None:
        self._most = most
        self._kept: OrderedDict[tuple[int, int], OwnEdges] = OrderedDict()
        self._n = 0
        self._lock = threading.Lock()

    def get(self, key: tuple[int, int], read: Callable[[], OwnEdges]) -> OwnEdges:
        """What is kept for (sae_ordinal, token_id), or what `read` gives;
        two threads may read the same once each.
        """
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        made = read()
        with self._lock:
            if key not in self._kept and len(made.feature_index) <= self._most:
                self._kept[key] = made
                self._n += len(made.feature_index)
            while self._n > self._most:
                _, dropped = self._kept.popitem(last=False)
                self._n -= len(dropped.feature_index)
        return made

    def __len__(self) -> int:
        return self._n
