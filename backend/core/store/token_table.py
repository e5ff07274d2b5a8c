"""The vocabulary of a build in memory: tokens stand in every answer, and a query for each list of
them costs more than everything else in it. About 0.5 KB a token, 60 MB for 120,000.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)  # one of a build is itself alone
class TokenTable:
    """Every token of a build, by token_id; arrays and lists of one length."""

    # token_id, token_class, text, occurrences, documents, rank, ...; 0 = NULL
    columns: Mapping[str, npt.NDArray[Any]]
    places: Mapping[int, int]  # token_id -> place
    ranked: Ints  # places of the tokens that have a rank, by rank
    lower: npt.NDArray[np.uint8]  # all texts in lower case, one after another, in UTF-8
    ends: Ints  # where each of them ends

    @classmethod
    def of(cls, columns: dict[str, npt.NDArray[Any]]) -> TokenTable:
        """From the columns of `ALL_TOKENS`."""
        lower = [text.encode() for text in columns.pop("lower")]
        ids, rank = columns["token_id"].tolist(), columns["rank"]
        return cls(
            columns,
            dict(zip(ids, range(len(ids)), strict=True)),
            np.argsort(rank, kind="stable")[int((rank == 0).sum()) :],
            np.frombuffer(b"".join(lower), np.uint8),
            np.cumsum([len(text) for text in lower], dtype=np.int64),
        )

    def rows(self, token_ids: Sequence[int]) -> Iterator[tuple[Any, ...]]:
        """(token_id, text, class code, occurrences, documents, rank, cumulative) of the known
        ones; None: no rank.
        """
        return self.at([self.places[i] for i in token_ids if i in self.places])

    def around(self, rank: int, width: int) -> Iterator[tuple[Any, ...]]:
        """The same of the tokens within `width` places of a frequency rank, by rank."""
        return self.at(self.ranked[max(rank - 1 - width, 0) : rank + width])

    def at(self, places: Sequence[int] | Ints) -> Iterator[tuple[Any, ...]]:
        which = np.asarray(places, dtype=np.int64)
        names = (
            "token_id",
            "text",
            "token_class",
            "occurrences",
            "documents",
            "rank",
            "cumulative",
        )
        for *values, rank, cumulative in zip(
            *(self.columns[name][which].tolist() for name in names), strict=True
        ):
            yield (*values, rank, cumulative) if rank else (*values, None, None)

    def named(self, lower: str) -> list[int]:
        """token_ids whose text, in lower case, holds this one."""
        wanted = lower.encode()
        n = len(self.lower) - len(wanted) + 1
        if not wanted or n <= 0:
            return [] if wanted else self.columns["token_id"].tolist()
        found = np.ones(n, dtype=bool)
        for place, byte in enumerate(wanted):
            found &= self.lower[place : place + n] == byte
        first = np.flatnonzero(found)
        token = np.searchsorted(self.ends, first, side="right")
        inside = first + len(wanted) <= self.ends[token]
        named: list[int] = self.columns["token_id"][np.unique(token[inside])].tolist()
        return named
