"""The companion `features`: histograms, lifts, nearest features, effects on logits, examples by token."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from backend.core.companion import Companion
from backend.core.edge_codec import decode_activation
from backend.core.feature_lift import lifts
from backend.core.feature_search import FeatureColumns, Lifts
from backend.core.store_features import example_of
from backend.core.store_rows import Example, StoreInvalid

KIND = "features"
VERSION = 1
BINS_PER_OCTAVE = 4
COSINE_STEPS = 32767
SCHEMA = Path(__file__).with_name("feature_store_schema.sql").read_text()

_DETAIL = """
SELECT n_function, n_effective, hist_first, hist, promoted_effect, suppressed_effect, near_index, near_cosine,
       near_tied, count_firings, count_max, strength_firings, strength_max
FROM detail WHERE sae_ordinal = $1 AND feature_index = $2::UINTEGER
"""
_CLASSES = """
SELECT feature_index::BIGINT AS feature_index, n_function::BIGINT AS n_function, n_effective::DOUBLE AS n_effective
FROM detail WHERE sae_ordinal = $1 ORDER BY feature_index
"""
_TOKEN_EXAMPLES = """
SELECT token_id, sequence_id, peak, positions, activations FROM token_example
WHERE sae_ordinal = $1 AND feature_index = $2::UINTEGER ORDER BY token_id, sequence_id
"""


@dataclass(frozen=True)
class FeatureDetail:
    """One row of `detail`, in activations and cosines instead of codes."""

    n_function: int
    n_effective: float
    hist_first: int
    hist: list[int]
    promoted_effect: list[float]
    suppressed_effect: list[float]
    near_index: list[int]
    near_cosine: list[float]
    near_tied: bool
    count_firings: list[int]
    count_max: list[float]
    strength_firings: list[int]
    strength_max: list[float]

    def bins(self) -> list[tuple[float, float, int]]:
        """(from, to, firings) of each bin of the histogram."""
        at = self.hist_first
        edges = [2.0 ** ((at + i) / BINS_PER_OCTAVE) for i in range(len(self.hist) + 1)]
        return list(zip(edges, edges[1:], self.hist, strict=False))


@dataclass(frozen=True)
class TokenExample:
    """A text in which the feature fires at a token: `positions` and `activations` of all its firings."""

    token_id: int
    sequence_id: int
    peak: int
    positions: list[int]
    codes: list[int]

    def as_example(self, token_ids: list[int], scale: float) -> Example:
        """With the text itself; its quantile is not known."""
        return example_of((token_ids, None, self.peak, self.positions, self.codes, self.sequence_id), scale)


class FeatureDetailStore(Companion):
    """Named queries; `ordinal` is the SAE's place in the build, `scale` its act_scale."""

    version = VERSION
    remedy = "make it with `functionscope precompute feature-details`"

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._lifts: dict[tuple[Any, ...], Lifts] = {}
        self._lifts_lock = threading.Lock()

    def detail(self, ordinal: int, scale: float, feature_index: int) -> FeatureDetail:
        """StoreInvalid where the file lacks the feature."""
        rows = self.query(_DETAIL, [ordinal, feature_index])
        if not rows:
            raise StoreInvalid(f"{self.path} lacks feature {feature_index} of SAE {ordinal}: {self.remedy}")
        values: list[Any] = list(rows[0])
        values[7] = [step / COSINE_STEPS for step in values[7]]
        values[10], values[12] = (decode_activation(values[at], scale).tolist() for at in (10, 12))
        return FeatureDetail(*values)

    def positions(self) -> tuple[int, int]:
        """Corpus positions of function tokens and of content tokens."""
        stated = self.provenance()["positions"]
        return int(stated["function"]), int(stated["content"])

    def lifts(self, ordinal: int, columns: FeatureColumns) -> Lifts:
        """Of the active features, aligned with the build's columns; kept for one version of both."""
        with self._lifts_lock:
            self.provenance()  # notices a replaced file
            key = (ordinal, id(columns), self._signature)
            if key not in self._lifts:
                self._lifts = {k: v for k, v in self._lifts.items() if k[0] != ordinal}
                self._lifts[key] = self._read_lifts(ordinal, columns)
            return self._lifts[key]

    def _read_lifts(self, ordinal: int, columns: FeatureColumns) -> Lifts:
        rows = self.query(_CLASSES, [ordinal])
        feature, n_function, n_effective = (np.array(column) for column in zip(*rows, strict=True))
        place = np.searchsorted(feature, columns.feature_index)
        if len(place) and (place[-1] >= len(feature) or not np.array_equal(feature[place], columns.feature_index)):
            raise StoreInvalid(f"{self.path} lacks features that are active in the build: {self.remedy}")
        counts = np.asarray(columns.numbers["n_firings"], dtype=np.int64)
        return lifts(n_function[place], counts, n_effective[place], self.positions())

    def token_examples(self, ordinal: int, feature_index: int) -> list[TokenExample]:
        """By token, then text."""
        return [TokenExample(*row) for row in self.query(_TOKEN_EXAMPLES, [ordinal, feature_index])]
