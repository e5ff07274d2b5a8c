"""Search over the features of one SAE: filter first, count, then the first k of an order.

Everything that a filter or an order needs lies in memory as columns, one entry per active feature
in ascending feature_index: about 120 bytes a feature, and 170 for the lists of tokens that its row
shows; 300 MB at width 2^20. Whatever matches is kept until the end, so nothing can be lost to a
top-k that was taken before a filter.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

MANY = 16

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
Column = npt.NDArray[Any]  # whole or floating numbers

# name -> whether the largest comes first unless said otherwise
ORDERS = {
    "n_firings": True,
    "n_tokens": True,
    "act_max": True,
    "mean_activation": True,
    "feature_index": False,
    "first_rank": False,
    "function_lift": True,  # by the lower end of the interval: surely more at function tokens
    "content_lift": True,  # by 1 / the upper end: surely more at content tokens
    "token_count": True,
    "token_strength": True,
    "token_share": True,
}
NEED_TOKEN = ("token_count", "token_strength", "token_share")
NEED_LIFT = ("function_lift", "content_lift")


@dataclass(frozen=True)
class TokenIndex:
    """For each token_id, the places (into the columns) of the features that list it."""

    starts: Ints  # [largest token_id + 2]
    places: npt.NDArray[np.int32]

    @classmethod
    def of(cls, place: npt.NDArray[np.integer], token_id: npt.NDArray[np.integer]) -> TokenIndex:
        """From pairs (place, token_id) in ascending order of place."""
        order = np.argsort(token_id, kind="stable")
        counts = np.bincount(token_id) if len(token_id) else np.zeros(0, np.int64)
        starts = np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)])
        return cls(starts, np.asarray(place, dtype=np.int32)[order])

    def listing(self, token_id: int) -> npt.NDArray[np.int32]:
        """Places of the features that list the token, ascending;
        none for a token that nothing lists.
        """
        if not 0 <= token_id < len(self.starts) - 1:
            return self.places[:0]
        return self.places[self.starts[token_id] : self.starts[token_id + 1]]

    def listings(self, token_ids: Sequence[int]) -> npt.NDArray[np.int32]:
        """Places of the features that list any of these tokens; a place may come more than once."""
        wanted = np.unique(np.asarray(token_ids, dtype=np.int64))
        wanted = wanted[(wanted >= 0) & (wanted < len(self.starts) - 1)]
        first, n = self.starts[wanted], self.starts[wanted + 1] - self.starts[wanted]
        # cheaper to mark them among all than to gather them
        if int(n.sum()) * MANY > len(self.places):
            change = np.zeros(len(self.places) + 1, dtype=np.int8)
            np.add.at(change, first, 1)
            np.add.at(change, first + n, -1)
            listed: npt.NDArray[np.int64] = np.flatnonzero(np.cumsum(change[:-1], dtype=np.int8))
        else:
            within = np.arange(int(n.sum())) - np.repeat(np.cumsum(n) - n, n)
            listed = np.repeat(first, n) + within
        return self.places[listed]


@dataclass(frozen=True)
class FeatureColumns:
    """The active features of one SAE, ascending; all columns [n]."""

    feature_index: Ints
    numbers: Mapping[str, Column]  # n_firings, n_tokens, mean_activation, act_max, first_rank
    fired_by: TokenIndex  # over each feature's most frequent tokens
    promotes: TokenIndex

    def places_of(self, feature_index: Ints) -> Ints:
        """Places of active features, in the order asked."""
        return self._place[feature_index].astype(np.int64)

    def exclusive_to(self, rank: int) -> Ints:
        """feature_index of those that only the token of this frequency rank reaches (min_count =
        1), most firings first; ties by feature_index.
        """
        ranks, exclusive = self._exclusive
        first, last = np.searchsorted(ranks, [rank, rank + 1])
        return self.feature_index[exclusive[first:last]]

    def denser_than(self, n_firings: int) -> int:
        """How many features have more firings."""
        return len(self._ascending) - int(np.searchsorted(self._ascending, n_firings, side="right"))

    @cached_property
    def _place(self) -> npt.NDArray[np.int32]:
        """[largest feature_index + 1]: a table beats a search, 2 ns a feature instead of 40."""
        made = np.zeros(int(self.feature_index.max(initial=-1)) + 1, np.int32)
        made[self.feature_index] = np.arange(len(self.feature_index), dtype=np.int32)
        return made

    @cached_property
    def _exclusive(self) -> tuple[Ints, Ints]:
        """(first_rank, place) of the features with a single token, by rank,
        then most firings, then place.
        """
        places = np.flatnonzero(self.numbers["n_tokens"] == 1)
        ranks, firings = self.numbers["first_rank"][places], self.numbers["n_firings"][places]
        order = np.lexsort((places, -firings, ranks))
        return ranks[order], places[order]

    @cached_property
    def _ascending(self) -> Ints:
        return np.sort(self.numbers["n_firings"])


@dataclass(frozen=True)
class Lifts:
    """How much more often each feature fires at function than at content positions;
    aligned with the columns.

    Values are ratios of rates, 0 to infinity; low and high are the ends of the 95 % interval.
    """

    value: Floats
    low: Floats
    high: Floats


class EdgeColumns(Protocol):
    """The edges of one token, by feature_index;
    `strength` orders as the largest activation does.
    """

    @property
    def feature_index(self) -> Ints: ...
    @property
    def n_firings(self) -> Ints: ...
    @property
    def strength(self) -> Ints: ...


@dataclass(frozen=True)
class Wanted:
    """What a search asks for. `texts`: ids of the tokens whose text matches q, None without q."""

    q: str | None = None
    texts: Sequence[int] | None = None
    labelled: Sequence[int] = ()  # features whose own label matches q
    promotes: int | None = None
    min_firings: float = 0.0
    max_firings: float = np.inf
    min_count: int = 1
    min_lift: float | None = None
    max_lift: float | None = None
    order: str = "n_firings"
    descending: bool | None = None  # None: as ORDERS says
    limit: int = 100
    offset: int = 0


@dataclass(frozen=True)
class Found:
    """Places of a page of features, in order; how many match;
    the edge behind each row (-1: no token asked).
    """

    places: Ints
    total: int
    edge: Ints


def search(
    columns: FeatureColumns, wanted: Wanted, edges: EdgeColumns | None, lifts: Lifts | None
) -> Found:
    """A page of the features that match.

    `edges`: those of the token asked for; `lifts`: needed by lift filters.

    ValueError, beginning with the name of the setting, for an order or filter that lacks what it
    needs.
    """
    _check(wanted, edges, lifts)
    places, edge = _candidates(columns, wanted, edges)
    kept = _matching(columns, wanted, lifts, places)
    places, edge = places[kept], edge[kept]
    key = _key(columns, wanted, edges, lifts, places, edge)
    descending = ORDERS[wanted.order] if wanted.descending is None else wanted.descending
    first = first_of(-key if descending else key, wanted.offset + wanted.limit)[wanted.offset :]
    return Found(places[first], len(places), edge[first])


def first_of(key: Column, k: int) -> Ints:
    """Places of the k smallest keys, ascending; equal keys in the order of their places.

    O(n + k log k).
    """
    if k >= len(key):
        return np.argsort(key, kind="stable")
    if k <= 0:
        return np.empty(0, np.int64)
    last = np.partition(key, k - 1)[k - 1]
    below = np.flatnonzero(key < last)
    level = np.flatnonzero(key == last)[: k - len(below)]
    below = below[np.argsort(key[below], kind="stable")]
    return np.concatenate([below, level])


def _check(wanted: Wanted, edges: EdgeColumns | None, lifts: Lifts | None) -> None:
    if wanted.order not in ORDERS:
        raise ValueError(f"order {wanted.order!r}: use one of {list(ORDERS)}")
    if wanted.order in NEED_TOKEN and edges is None:
        raise ValueError(f"order {wanted.order!r}: give token_id too, whose firings it orders by")
    by_lift = (
        wanted.min_lift is not None or wanted.max_lift is not None or wanted.order in NEED_LIFT
    )
    if by_lift and lifts is None:
        raise ValueError(f"order {wanted.order!r}: the lifts of this build are not known")


def _candidates(
    columns: FeatureColumns, wanted: Wanted, edges: EdgeColumns | None
) -> tuple[Ints, Ints]:
    """Places, ascending, of all that can match by the narrowest of the lists that are asked
    for, and their edges.
    """
    if edges is not None:
        edge = np.flatnonzero(edges.n_firings >= wanted.min_count)
        return columns.places_of(edges.feature_index[edge]), edge
    if wanted.promotes is not None:
        places = columns.promotes.listing(wanted.promotes).astype(np.int64)
    elif wanted.q is not None:
        places = np.flatnonzero(_named(columns, wanted))
    else:
        places = np.flatnonzero(_firing(columns.numbers["n_firings"], wanted))
    return places, np.full(len(places), -1, dtype=np.int64)


def _matching(columns: FeatureColumns, wanted: Wanted, lifts: Lifts | None, places: Ints) -> Mask:
    """Which of these features match."""
    mask = _firing(columns.numbers["n_firings"][places], wanted)
    if wanted.q is not None:
        mask &= _named(columns, wanted)[places]
    if wanted.promotes is not None:
        listed = np.zeros(len(columns.feature_index), dtype=bool)
        listed[columns.promotes.listing(wanted.promotes)] = True
        mask &= listed[places]
    if lifts is not None and wanted.min_lift is not None:
        mask &= lifts.low[places] >= wanted.min_lift
    if lifts is not None and wanted.max_lift is not None:
        mask &= lifts.high[places] <= wanted.max_lift
    return mask


def _firing(n_firings: Column, wanted: Wanted) -> Mask:
    return (n_firings >= wanted.min_firings) & (n_firings <= wanted.max_firings)


def _named(columns: FeatureColumns, wanted: Wanted) -> Mask:
    """Features whose index is q, that list a token whose text q matches, or whose label does."""
    named = np.zeros(len(columns.feature_index), dtype=bool)
    for index in (columns.fired_by, columns.promotes):
        named[index.listings(wanted.texts or ())] = True
    if wanted.q is not None and wanted.q.isascii() and wanted.q.isdigit() and len(wanted.q) < 12:
        named |= columns.feature_index == int(wanted.q)
    return named | np.isin(columns.feature_index, wanted.labelled) if wanted.labelled else named


def _key(
    columns: FeatureColumns,
    wanted: Wanted,
    edges: EdgeColumns | None,
    lifts: Lifts | None,
    places: Ints,
    edge: Ints,
) -> Column:
    """What the matching features are ordered by; signed or float, so that it can be negated."""
    if wanted.order == "feature_index":
        return columns.feature_index[places]
    if wanted.order in NEED_LIFT and lifts is not None:
        with np.errstate(divide="ignore"):
            return lifts.low[places] if wanted.order == "function_lift" else 1 / lifts.high[places]
    if wanted.order in NEED_TOKEN and edges is not None:
        if wanted.order == "token_strength":
            return edges.strength[edge]
        counts = edges.n_firings[edge]
        return (
            counts / columns.numbers["n_firings"][places]
            if wanted.order == "token_share"
            else counts
        )
    return columns.numbers[wanted.order][places]
