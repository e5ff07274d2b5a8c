"""The companion `features`: histograms, lifts, nearest features, effects on logits,
examples by token.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from backend.core.companions.features.lift import lifts
from backend.core.companions.file import Companion
from backend.core.store import StoreInvalid
from backend.core.store.edge_codec import decode_activation
from backend.core.store.feature_codec import FEATURES_PER_CHUNK, unpack_list, unpack_lists
from backend.core.store.feature_search import FeatureColumns, Lifts
from backend.core.store.features import Example, example_of

KIND = "features"
VERSION = 1
BINS_PER_OCTAVE = 4
COSINE_STEPS = 32767
EFFECT_STEPS = 1000
EFFECTIVE_STEPS = 16
SCHEMA = Path(__file__).with_name("schema.sql").read_text()
NUMBERS = ("n_function", "n_effective", "hist_first", "near_tied")  # one per feature
LISTS = (
    "hist",
    "promoted_effect",
    "suppressed_effect",
    "near_index",
    "near_cosine",
    "count_firings",
    "count_max",
    "strength_firings",
    "strength_max",
)
EXAMPLES = (
    "example_token",
    "example_sequence",
    "example_peak",
    "example_sizes",
    "example_positions",
    "example_codes",
)

_CHUNK = f"""
SELECT feature_first, n_features, {", ".join(NUMBERS + LISTS + EXAMPLES)} FROM detail_chunk
WHERE sae_ordinal = $1 AND feature_first = $2::UINTEGER
"""
_CLASSES = """
SELECT feature_first, n_features, n_function, n_effective FROM detail_chunk
WHERE sae_ordinal = $1 ORDER BY feature_first
"""


@dataclass(frozen=True)
class TokenExample:
    """A text in which the feature fires at a token:
    `positions` and `codes` of all its firings there.
    """

    token_id: int
    sequence_id: int
    peak: int
    positions: list[int]
    codes: list[int]

    def as_example(self, token_ids: list[int], scale: float) -> Example:
        """With the text itself; its quantile is not known."""
        return example_of(
            (token_ids, None, self.peak, self.positions, self.codes, self.sequence_id), scale
        )


@dataclass(frozen=True)
class FeatureDetail:
    """Everything about one feature, in activations, cosines and effects instead of codes."""

    n_function: int
    n_effective: float
    hist_first: int
    near_tied: bool
    hist: list[int]
    promoted_effect: list[float]
    suppressed_effect: list[float]
    near_index: list[int]
    near_cosine: list[float]
    count_firings: list[int]
    count_max: list[float]
    strength_firings: list[int]
    strength_max: list[float]
    examples: list[TokenExample]

    def bins(self) -> list[tuple[float, float, int]]:
        """(from, to, firings) of each bin of the histogram."""
        edges = [
            2.0 ** ((self.hist_first + i) / BINS_PER_OCTAVE) for i in range(len(self.hist) + 1)
        ]
        return list(zip(edges, edges[1:], self.hist, strict=False))


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
        first = feature_index - feature_index % FEATURES_PER_CHUNK
        rows = self.query(_CHUNK, [ordinal, first])
        if not rows or feature_index >= first + rows[0][1]:
            raise StoreInvalid(
                f"{self.path} lacks feature {feature_index} of SAE {ordinal}: {self.remedy}"
            )
        _, n, *blobs = rows[0]
        place = feature_index - first
        lists = [unpack_list(blob, n, place) for blob in blobs]
        return _detail(dict(zip(NUMBERS + LISTS + EXAMPLES, lists, strict=True)), scale)

    def positions(self) -> tuple[int, int]:
        """Corpus positions of function tokens and of content tokens."""
        stated = self.provenance()["positions"]
        return int(stated["function"]), int(stated["content"])

    def lifts(self, ordinal: int, columns: FeatureColumns) -> Lifts:
        """Of the active features, aligned with the build's columns;
        kept for one version of both.
        """
        with self._lifts_lock:
            self.provenance()  # notices a replaced file
            key = (ordinal, id(columns), self._signature)
            if key not in self._lifts:
                self._lifts = {k: v for k, v in self._lifts.items() if k[0] != ordinal}
                self._lifts[key] = self._read_lifts(ordinal, columns)
            return self._lifts[key]

    def _read_lifts(self, ordinal: int, columns: FeatureColumns) -> Lifts:
        parts = [
            (first, n, unpack_lists(a, n), unpack_lists(b, n))
            for first, n, a, b in self.query(_CLASSES, [ordinal])
        ]
        features = np.concatenate(
            [np.arange(first, first + n) for first, n, _, _ in parts] or [np.empty(0, np.int64)]
        )
        n_function = np.array([one[0] for _, _, lists, _ in parts for one in lists], dtype=np.int64)
        n_effective = (
            np.array([one[0] for _, _, _, lists in parts for one in lists]) / EFFECTIVE_STEPS
        )
        place = np.searchsorted(features, columns.feature_index)
        if len(place) and (
            place[-1] >= len(features) or not np.array_equal(features[place], columns.feature_index)
        ):
            raise StoreInvalid(
                f"{self.path} lacks features that are active in the build: {self.remedy}"
            )
        counts = np.asarray(columns.numbers["n_firings"], dtype=np.int64)
        return lifts(n_function[place], counts, n_effective[place], self.positions())


def _detail(lists: dict[str, list[int]], scale: float) -> FeatureDetail:
    def activations(name: str) -> list[float]:
        return [float(one) for one in decode_activation(lists[name], scale)]

    ends = np.cumsum(lists["example_sizes"], dtype=np.int64).tolist()
    slices = [
        slice(end - size, end) for end, size in zip(ends, lists["example_sizes"], strict=True)
    ]
    examples = [
        TokenExample(
            token, sequence, peak, lists["example_positions"][here], lists["example_codes"][here]
        )
        for token, sequence, peak, here in zip(
            *(lists[name] for name in EXAMPLES[:3]), slices, strict=True
        )
    ]
    return FeatureDetail(
        n_function=lists["n_function"][0],
        n_effective=lists["n_effective"][0] / EFFECTIVE_STEPS,
        hist_first=lists["hist_first"][0],
        near_tied=bool(lists["near_tied"][0]),
        hist=lists["hist"],
        promoted_effect=[step / EFFECT_STEPS for step in lists["promoted_effect"]],
        suppressed_effect=[step / EFFECT_STEPS for step in lists["suppressed_effect"]],
        near_index=lists["near_index"],
        near_cosine=[step / COSINE_STEPS for step in lists["near_cosine"]],
        count_firings=lists["count_firings"],
        count_max=activations("count_max"),
        strength_firings=lists["strength_firings"],
        strength_max=activations("strength_max"),
        examples=examples,
    )
