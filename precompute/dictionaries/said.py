"""What came out, in sentences made from the figures: each dictionary, then whether they agree."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from precompute.dictionaries.words import (
    CARRIES,
    DICTIONARY,
    DRAWN,
    FREQUENT,
    OPENING,
    REACH_APART,
    TABLE_1,
    WITHOUT,
)
from precompute.experiments.demonstrating.judging import FEATURE, RANDOM
from precompute.experiments.result import Result, shown

Row = dict[str, Any]


def findings(result: Result, names: Sequence[str]) -> Iterator[str]:
    """A sentence a measure and dictionary, and one on all of them."""
    for subject in (OPENING, TABLE_1, OPENING + WITHOUT, TABLE_1 + WITHOUT):
        yield from _reached(result, names, subject)
    sets = dict.fromkeys(row["subject"] for row in result.estimate if row["arm"] == CARRIES[2])
    for subject in sets:
        yield from _carried(result, names, subject)
    traits = dict.fromkeys(row["subject"] for row in result.estimate if row["arm"] == FEATURE)
    for subject in traits:
        yield from _steered(result, names, subject)
    dense = {name: _of(result, DICTIONARY, "dense", name, "") for name in names}
    said = ", ".join(f"{name} {row['value']:.0f}" for name, row in dense.items() if row)
    yield f"Dense features, left out of “{WITHOUT.removeprefix(', ')}”: {said}."


def _reached(result: Result, names: Sequence[str], subject: str) -> Iterator[str]:
    for name in names:
        own = _of(result, FREQUENT, "coverage", name, subject)
        other = _of(result, DRAWN, "coverage", name, subject)
        if own:
            beside = shown(other, percent=True) if other else "not to be had"
            yield (
                f"{name}, {subject}: the most frequent tokens reach {shown(own, percent=True)}, as "
                f"many content occurrences {beside}."
            )
    yield _agreement(result, names, (REACH_APART, "coverage", subject), "reach more than content")


def _carried(result: Result, names: Sequence[str], subject: str) -> Iterator[str]:
    for name in names:
        rows = [_of(result, arm, "own", name, subject) for arm in CARRIES[:2]]
        swapped = _of(result, CARRIES[0], "exchanged", name, subject)
        if rows[0] and rows[1] and swapped:
            function, content = (shown(row, percent=True) for row in rows if row)
            yield (
                f"{name}, {subject}: carried at function positions {function} (with the names "
                f"exchanged {shown(swapped, percent=True)}), at content positions {content}."
            )
    words = "carry more at function positions"
    yield _agreement(result, names, (CARRIES[2], "net", subject), words)


def _steered(result: Result, names: Sequence[str], subject: str) -> Iterator[str]:
    for name in names:
        own = _of(result, FEATURE, "shown", name, subject)
        random = _of(result, RANDOM[FEATURE], "shown", name, subject)
        index = _of(result, FEATURE, "feature_index", name, subject)
        if own and random and index:
            yield (
                f"{name}, {subject}: feature {index['value']:.0f} gives {shown(own, percent=True)} "
                f"of {own['n']} answers the trait, random features {shown(random, percent=True)}."
            )


def _agreement(result: Result, names: Sequence[str], what: tuple[str, str, str], words: str) -> str:
    """How many intervals lie above 0, below it, and across."""
    arm, outcome, subject = what
    rows = [row for name in names if (row := _of(result, arm, outcome, name, subject))]
    above = sum(row["low"] is not None and row["low"] > 0 for row in rows)
    below = sum(row["high"] is not None and row["high"] <= 0 for row in rows)
    return (
        f"{subject}: {above} of {len(rows)} dictionaries {words}, {below} do not, "
        f"{len(rows) - above - below} leave it open."
    )


def _of(result: Result, arm: str, outcome: str, name: str, subject: str) -> Row | None:
    wanted = (arm, outcome, name, subject)
    keys = ("arm", "outcome", "sae_id", "subject")
    return next((r for r in result.estimate if tuple(r[k] for k in keys) == wanted), None)
