"""The vocabulary in memory: texts found, neighbours by rank, and rows by id."""

from __future__ import annotations

from typing import Any

import duckdb
import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.core.store.token_table import TokenTable

CASES = settings(max_examples=300, deadline=None)
CLASSES = ("content", "function", "special")
# few letters, so that what is looked for also lies across the end of one text and the start of the
# next
texts = st.lists(st.text('ab\xe9É"\\\n\0', max_size=4) | st.text(max_size=3), max_size=12)


def table_of(words: list[str], special: int = 2) -> TokenTable:
    """Tokens 3, 5, 7 ... of these texts;
    the first `special` have no rank, the rest are ranked from the last on.
    """
    n = len(words)
    lower = [duckdb.execute("SELECT lower($1)", [word]).fetchall()[0][0] for word in words]
    columns: dict[str, Any] = {
        "token_id": 3 + 2 * np.arange(n),
        "text": np.array(words, dtype=object),
        "lower": np.array(lower, dtype=object),
        "token_class": np.array([2 if i < special else i % 2 for i in range(n)], dtype=np.uint8),
        "occurrences": np.arange(n) * 10,
        "documents": np.arange(n),
        "rank": np.array([0 if i < special else n - i for i in range(n)], dtype=np.int64),
        "cumulative": np.arange(n) * 100,
    }
    return TokenTable.of(columns)


@given(texts, st.text("abé\0", min_size=1, max_size=3) | st.text(max_size=2))
@CASES
def test_texts_are_found_as_the_database_finds_them(words: list[str], q: str) -> None:
    found = "SELECT contains(lower($1), lower($2)), lower($2)"
    asked = [duckdb.execute(found, [word, q]).fetchall()[0] for word in words]
    lower = asked[0][1] if asked else q
    assert table_of(words).named(lower) == [
        3 + 2 * i for i, (holds, _) in enumerate(asked) if holds
    ]


@given(texts, st.lists(st.integers(-1, 30), max_size=9))
@CASES
def test_rows_of_tokens_are_those_of_the_table(words: list[str], wanted: list[int]) -> None:
    table = table_of(words)
    known = {3 + 2 * i: (word, CLASSES[2 if i < 2 else i % 2]) for i, word in enumerate(words)}
    rows = {row[0]: row[1:] for row in table.rows(wanted)}
    assert rows == {
        i: (
            known[i][0],
            CLASSES.index(known[i][1]),
            10 * at,
            at,
            *((len(words) - at, 100 * at) if at > 1 else (None,) * 2),
        )
        for i in wanted
        if i in known and (at := (i - 3) // 2) >= 0
    }


def test_neighbours_are_the_places_of_rank_to_either_side() -> None:
    table = table_of(["<pad>", "<bos>", *"abcdefg"])  # ranks 7 to 1
    ranks = {rank: [row[5] for row in table.around(rank, 2)] for rank in (1, 2, 4, 7)}
    assert ranks == {1: [1, 2, 3], 2: [1, 2, 3, 4], 4: [2, 3, 4, 5, 6], 7: [5, 6, 7]}
