"""Coverage by rank as columns: what is the same for every answer is read once, and the rest is arithmetic.

A vocabulary has 10^5 tokens, and each control of the coverage page asks for tens of thousands of ranks: joining
and sorting them in SQL takes a tenth of a second, and making an object of each row another.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from backend.core.store_rows import CoverageRow
from backend.core.token_classes import CLASS_NAMES

Ints = npt.NDArray[np.int64]
Band = tuple[float | None, float, float]  # mean, low, high

_ROW = (
    '{"rank":%d,"token_id":%d,"text":%s,"token_class":"%s","occurrences":%d,"degree":%d,"new_features":%d,'
    '"covered":%d,"coverage":%r,"interval":%s,"mean":%s}'
)


@dataclass(frozen=True)
class RankedTokens:
    """The tokens of a build that have a rank, by rank; arrays of one length."""

    token_id: Ints
    token_class: list[str]
    text: list[str]
    quoted: list[str]  # the text as JSON
    occurrences: Ints
    by_documents: Ints  # places in these arrays: most documents first, ties by rank
    random: Ints  # the same in the stored random order; tokens that never occur are left out
    place_of: Ints  # [token_id] -> place in these arrays; -1 = special

    @classmethod
    def of(cls, columns: Mapping[str, npt.NDArray[np.generic]]) -> RankedTokens:
        """From columns token_id, token_class, text, occurrences, documents, random_rank (0 = none), by rank."""
        token_id, documents = columns["token_id"].astype(np.int64), columns["documents"].astype(np.int64)
        random_rank = columns["random_rank"].astype(np.int64)
        placed = np.flatnonzero(random_rank)
        place_of = np.full(int(token_id.max(initial=-1)) + 1, -1, np.int64)
        place_of[token_id] = np.arange(len(token_id))
        text = [str(one) for one in columns["text"].tolist()]
        return cls(
            token_id,
            [CLASS_NAMES[code] for code in columns["token_class"].tolist()],
            text,
            [json.dumps(one) for one in text],
            columns["occurrences"].astype(np.int64),
            np.argsort(-documents, kind="stable"),
            placed[np.argsort(random_rank[placed])],
            place_of,
        )


@dataclass(frozen=True)
class CoverageColumns:
    """coverage(k) along one order; arrays of one length, by rank in that order."""

    tokens: RankedTokens
    rank: Ints
    place: Ints  # in `tokens`
    degree: Ints
    new_features: Ints

    def rows(self, n_all: int, bands: Mapping[int, Band]) -> list[CoverageRow]:
        """As objects. `n_all` is the denominator, `bands` rank -> (mean, low, high)."""
        none: Band | tuple[None, None, None] = (None, None, None)
        made = []
        for rank, token_id, text, name, *counts, covered, share in self._values(n_all, self.tokens.text):
            mean, low, high = bands.get(rank, none)
            made.append(CoverageRow(rank, token_id, text, name, *counts, covered, share, low, high, mean))
        return made

    def as_json(self, n_all: int, bands: Mapping[int, Band]) -> str:
        """The rows as a JSON array of the wire's CoverageRow, without an object for each."""
        made = [_ROW % (*values, *_band(bands.get(values[0]))) for values in self._values(n_all, self.tokens.quoted)]
        return f"[{','.join(made)}]"

    def _values(self, n_all: int, texts: list[str]) -> zip[tuple[int, int, str, str, int, int, int, int, float]]:
        covered = np.cumsum(self.new_features)
        share = covered / n_all if n_all else np.zeros(len(covered))
        place, tokens = self.place.tolist(), self.tokens
        return zip(
            self.rank.tolist(),
            tokens.token_id[self.place].tolist(),
            [texts[at] for at in place],
            [tokens.token_class[at] for at in place],
            tokens.occurrences[self.place].tolist(),
            self.degree.tolist(),
            self.new_features.tolist(),
            covered.tolist(),
            share.tolist(),
            strict=True,
        )


def _band(band: Band | None) -> tuple[str, str]:
    if band is None:
        return "null", "null"
    mean, low, high = band
    return json.dumps([low, high]), json.dumps(mean)


def columns_of(
    tokens: RankedTokens, order: str, degree: Ints, steps: Mapping[str, Ints], max_rank: int | None
) -> CoverageColumns:
    """The first max_rank places of an order. `degree`: of every token, by rank; `steps`: rank and token_id of
    every place at which something new is reached, with new_features; for greedy these are all places there are."""
    at = tokens.place_of[steps["token_id"]]
    new = np.zeros(len(tokens.token_id), np.int64)
    new[at] = steps["new_features"]
    if order == "greedy":
        by_rank = np.argsort(steps["rank"])
        place, rank = at[by_rank][:max_rank], steps["rank"][by_rank][:max_rank]
        return CoverageColumns(tokens, rank, place, degree[place], new[place])
    whole = {
        "frequency": lambda: np.arange(len(new)),
        "document_coverage": lambda: tokens.by_documents,
        "degree": lambda: np.argsort(-degree, kind="stable"),
        "random": lambda: tokens.random,
    }[order]()
    place = whole[:max_rank]
    return CoverageColumns(tokens, np.arange(1, len(place) + 1), place, degree[place], new[place])
