"""Function against content positions, and other kinds of tokens, at equal distances from the
subject's name.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from backend.core.reactivation.carry import matched
from backend.core.sae import Sae
from precompute.experiments.carry_read import Read, Reader
from precompute.experiments.result import Result

Place = dict[str, Any]  # a row of the table `place`
WORDS = ("closed_class", "other_word", "word_piece")
KINDS: dict[str, tuple[str, Callable[[Place], bool]]] = {
    "function": ("function tokens, by frequency", lambda row: row["token_class"] == "function"),
    "content": ("content tokens, by frequency", lambda row: row["token_class"] == "content"),
    "punctuation": (
        "punctuation and line breaks, by spelling",
        lambda row: row["kind"] == "punctuation",
    ),
    "word": ("words, by spelling", lambda row: row["kind"] in WORDS),
    "closed_class": (
        "words of the closed classes (the, of, …)",
        lambda row: row["kind"] == "closed_class",
    ),
    "other_word": ("other words", lambda row: row["kind"] in ("other_word", "word_piece")),
}
PAIRS = (("function", "content"), ("punctuation", "word"), ("closed_class", "other_word"))
BUT_LAST = ", not the last position"


def comparison_arms() -> dict[str, str]:
    """arm -> what it is."""
    made = {}
    for first, second in PAIRS:
        for suffix in ("", BUT_LAST):
            for one, other in ((first, second), (second, first)):
                made[one + suffix] = (
                    f"Positions of {KINDS[one][0]}{suffix}, at the distances from the name at "
                    f"which {KINDS[other][0]} stand too; a distance weighs as the rarer of both."
                )
            made[f"{first} - {second}{suffix}"] = "The difference of the two, subject by subject."
    return made


def compare(result: Result, sae: Sae | Reader, name: str, read: Sequence[Read]) -> None:
    """Every pair of kinds, over all places of one set; none where no distance has both."""
    rows = [row for one in read for row in one.place_rows()]
    shares = [one.shares(sae.sae_id) for one in read]
    values = {outcome: np.concatenate([one[outcome] for one in shares]) for outcome in shares[0]}
    distance = np.array([row["distance"] for row in rows], np.int64)
    where: dict[str, Any] = {"sae_id": sae.sae_id, "layer": sae.layer, "subject": name}
    for first, second in PAIRS:
        for suffix in ("", BUT_LAST):
            counted = np.array([not (suffix and row["is_last"]) for row in rows], bool)
            one, other = (
                np.array([KINDS[kind][1](row) for row in rows], bool) & counted
                for kind in (first, second)
            )
            for outcome, found in values.items():
                a, b, used = matched(found, one, other, distance)
                if not used:
                    continue
                result.mean(first + suffix, outcome, a.tolist(), **where)
                result.mean(second + suffix, outcome, b.tolist(), **where)
                result.mean(f"{first} - {second}{suffix}", outcome, (a - b).tolist(), **where)
