"""Rows of features from memory:
DuckDB unpacks 2,048 lists to give one, and an answer has dozens of features.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class TokenLists:
    """A list of tokens for each feature, one after another."""

    starts: Ints  # [n + 1]
    token_ids: npt.NDArray[np.uint32]

    @classmethod
    def of(cls, sizes: npt.NDArray[np.integer], token_ids: npt.NDArray[np.integer]) -> TokenLists:
        starts = np.concatenate([np.zeros(1, np.int64), np.cumsum(sizes, dtype=np.int64)])
        return cls(starts, token_ids.astype(np.uint32, copy=False))

    def at(self, place: int) -> list[int]:
        found: list[int] = self.token_ids[self.starts[place] : self.starts[place + 1]].tolist()
        return found

    def take(self, places: Ints) -> TokenLists:
        """The lists of these features, in this order."""
        sizes = np.diff(self.starts)[places]
        which = np.repeat(self.starts[places] - (np.cumsum(sizes) - sizes), sizes) + np.arange(
            int(sizes.sum())
        )
        return TokenLists.of(sizes, self.token_ids[which])

    def owners(self) -> npt.NDArray[np.int32]:
        """The place of the feature that each token is listed for."""
        return np.repeat(np.arange(len(self.starts) - 1, dtype=np.int32), np.diff(self.starts))


@dataclass(frozen=True)
class FeatureTable:
    """Every active feature of one SAE; arrays of one length, by feature_index."""

    feature_index: Ints
    # n_firings, n_tokens, mean_activation, act_max, act_q999, first_rank
    numbers: dict[str, npt.NDArray[Any]]
    lists: dict[str, TokenLists]  # top_by_count, top_by_strength, promoted, suppressed

    @classmethod
    def of(cls, numbers: dict[str, npt.NDArray[Any]], lists: dict[str, TokenLists]) -> FeatureTable:
        """From columns in any order, feature_index among them."""
        feature_index: Ints = numbers.pop("feature_index")
        if (np.diff(feature_index) < 0).any():
            order = np.argsort(feature_index)
            numbers = {name: column[order] for name, column in numbers.items()}
            lists = {name: one.take(order) for name, one in lists.items()}
            feature_index = feature_index[order]
        return cls(feature_index, numbers, lists)

    def rows(self, feature_indices: Sequence[int]) -> Iterator[tuple[Any, ...]]:
        """Rows of the active ones among these features, as `FEATURES_BY_ID` gives them."""
        wanted = np.asarray(feature_indices, dtype=np.int64)
        places = np.searchsorted(self.feature_index, wanted)
        there = places < len(self.feature_index)
        there[there] = self.feature_index[places[there]] == wanted[there]
        places = places[there]
        columns = [self.feature_index, *self.numbers.values()]
        for place, *values in zip(
            places.tolist(), *(column[places].tolist() for column in columns), strict=True
        ):
            yield (*values, *(one.at(place) for one in self.lists.values()))
