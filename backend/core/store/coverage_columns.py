"""Coverage by rank as columns: what is the same for every answer is read once,
and the rest is arithmetic.

A vocabulary has 10^5 tokens, and each control of the coverage page asks for tens of thousands of
ranks: joining and sorting them in SQL takes a tenth of a second, and making an object of each row
another.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from backend.core.token_classes import CLASS_NAMES


@dataclass(frozen=True)
class CoverageRow:
    rank: int
    token_id: int
    text: str
    token_class: str
    occurrences: int
    degree: int
    new_features: int
    covered: int
    coverage: float  # covered / the denominator
    low: float | None  # 95 % document-shard bootstrap; for order "random" the range of all draws
    high: float | None
    mean: float | None = None  # order "random" only: mean coverage of all draws at this rank


COVERAGE_STEPS = """
SELECT rank::BIGINT AS rank, token_id::BIGINT AS token_id, new_features::BIGINT AS new_features
FROM coverage_step
WHERE sae_ordinal = $1 AND theta_ordinal = $2 AND min_count = $3 AND token_order = $4
  AND rank <= coalesce($5::BIGINT, 4294967295)
"""


Ints = npt.NDArray[np.int64]
Band = tuple[float | None, float, float]  # mean, low, high


@dataclass(frozen=True, eq=False)  # one of a build is itself alone
class RankedTokens:
    """The tokens of a build that have a rank, by rank; arrays of one length."""

    token_id: Ints
    token_class: list[str]
    text: list[str]
    occurrences: Ints
    by_documents: Ints  # places in these arrays: most documents first, ties by rank
    random: Ints  # the same in the stored random order; tokens that never occur are left out
    place_of: Ints  # [token_id] -> place in these arrays; -1 = special

    @classmethod
    def of(cls, columns: Mapping[str, npt.NDArray[np.generic]]) -> RankedTokens:
        """From columns token_id, token_class, text, occurrences, documents,
        random_rank (0 = none), by rank.
        """
        token_id, documents = (
            columns["token_id"].astype(np.int64),
            columns["documents"].astype(np.int64),
        )
        random_rank = columns["random_rank"].astype(np.int64)
        placed = np.flatnonzero(random_rank)
        place_of = np.full(int(token_id.max(initial=-1)) + 1, -1, np.int64)
        place_of[token_id] = np.arange(len(token_id))
        text = [str(one) for one in columns["text"].tolist()]
        names = [CLASS_NAMES[code] for code in columns["token_class"].tolist()]
        occurrences = columns["occurrences"].astype(np.int64)
        return cls(
            token_id,
            names,
            text,
            occurrences,
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
        tokens, covered = self.tokens, self.covered
        numbers = (
            self.rank,
            self.place,
            self.degree,
            self.new_features,
            covered,
            shares(covered, n_all),
        )
        made = []
        for rank, at, degree, new, reached, share in zip(
            *(column.tolist() for column in numbers), strict=True
        ):
            mean, low, high = bands.get(rank, (None, None, None))
            words = (
                int(tokens.token_id[at]),
                tokens.text[at],
                tokens.token_class[at],
                int(tokens.occurrences[at]),
            )
            made.append(CoverageRow(rank, *words, degree, new, reached, share, low, high, mean))
        return made

    @property
    def covered(self) -> Ints:
        return np.cumsum(self.new_features)


def shares(covered: Ints, n_all: int) -> npt.NDArray[np.float64]:
    """Of the denominator `n_all`."""
    return covered / n_all if n_all else np.zeros(len(covered))


def columns_of(
    tokens: RankedTokens, order: str, degree: Ints, steps: Mapping[str, Ints], max_rank: int | None
) -> CoverageColumns:
    """The first max_rank places of an order. `degree`: of every token, by rank; `steps`: rank and
    token_id of every place at which something new is reached, with new_features; for greedy these
    are all places there are.
    """
    at = tokens.place_of[steps["token_id"]]
    new = np.zeros(len(tokens.token_id), np.int64)
    new[at] = steps["new_features"]
    if order == "greedy":
        by_rank = np.argsort(steps["rank"])
        place, rank = at[by_rank][:max_rank], steps["rank"][by_rank][:max_rank]
        return CoverageColumns(tokens, rank, place, degree[place], new[place])
    places: dict[str, Callable[[], Ints]] = {
        "frequency": lambda: np.arange(len(new)),
        "document_coverage": lambda: tokens.by_documents,
        "degree": lambda: np.argsort(-degree, kind="stable"),
        "random": lambda: tokens.random,
    }
    place = places[order]()[:max_rank]
    return CoverageColumns(tokens, np.arange(1, len(place) + 1), place, degree[place], new[place])
