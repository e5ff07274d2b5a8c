"""Pairs of subjects whose prompts are patched into each other, and the map of each pair, place by
place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from backend.core.lm import LanguageModel
from backend.core.patching import LayerRow, PatchMap, align
from precompute.experiments.patching.marked import MarkedGroup, MarkedPrompt, MarkedSet
from precompute.job import BadInput

SETS = {
    "all": "the name and everything behind it",
    "name": "the subject's name",
    "function": "every function token behind the name",
    "function, not the last position": "the same without the prompt's last position",
    "content": "every content token behind the name",
    "punctuation": "every token behind the name of nothing but punctuation and white space",
    "last": "the prompt's last position",
}


@dataclass(frozen=True)
class Pair:
    """`a`'s states are put into `b`'s run; `other`, a third subject, is the control."""

    a: str
    b: str
    other: str


def choose_pairs(asked: MarkedSet, subjects: Sequence[str], wanted: int, seed: int) -> list[Pair]:
    """Every subject gives its states to as many others, in an order drawn from `seed`, until there
    are `wanted` pairs.

    The two have different answers, and names that end differently and can be aligned in every
    group. BadInput where the subjects do not suffice.
    """
    order = [subjects[i] for i in np.random.default_rng(seed).permutation(len(subjects))]
    by_name = {s: [group.of([s]).prompts[0] for group in asked.groups] for s in order}
    pairs: list[Pair] = []
    for step in range(1, len(order)):
        for place, a in enumerate(order):
            b, other = (order[(place + k) % len(order)] for k in (step, step + 1))
            other = order[(place + step + 2) % len(order)] if other == a else other
            fit = all(fits(x, y) for x, y in zip(by_name[a], by_name[b], strict=True))
            if fit and other not in (a, b):
                pairs.append(Pair(a, b, other))
        if len(pairs) >= wanted:
            return pairs
    raise BadInput(
        f"{asked.name}: {len(order)} of {len(asked.subjects)} subjects are answered right in every "
        f"question, which make {len(pairs)} pairs; {wanted} are wanted: ask for fewer (--pairs), "
        "or give more subjects (a pair has a third one as its control)."
    )


def fits(a: MarkedPrompt, b: MarkedPrompt) -> bool:
    """Whether a's states can be put into b's run and would show."""
    if set(a.answers) & set(b.answers) or a.ids[a.name.stop - 1] == b.ids[b.name.stop - 1]:
        return False
    try:
        found = align(a.ids, b.ids)
    except ValueError:
        return False
    return b.name.stop - 1 in found.positions


def patch_pair(lm: LanguageModel, group: MarkedGroup, pair: Pair) -> dict[str, Any]:
    """As JSON: `ends` [A's log-odds, B's], `sham`, and [layer][place] or [layer][set] of log-odds
    and of flips, of A's states and of the control's. Place 0 is the name's last token."""
    a, b, other = group.of([pair.a, pair.b, pair.other]).prompts
    made = PatchMap(
        lm,
        a.ids,
        b.ids,
        answer_a=a.answers[0],
        answer_b=b.answers[0],
        sets=sets_of(b, align(a.ids, b.ids).positions),
        unrelated=other.ids,
    )
    first = made.positions.index(b.name.stop - 1)
    rows, control = list(made.rows()), list(made.unrelated_rows())
    return {
        "ends": made.ends.log_odds.tolist(),
        "sham": max(row.sham for row in rows),
        "sets": _columns(rows, "sets", 0, made.answers.a),
        "state": _columns(rows, "cells", first, made.answers.a),
        "unrelated": _columns(control, "cells", first, made.answers.a),
    }


def sets_of(prompt: MarkedPrompt, positions: Sequence[int]) -> dict[str, list[int]]:
    """Of SETS, those positions that have a counterpart."""
    function = prompt.of_class("function")
    chosen = {
        "all": list(positions),
        "name": list(prompt.name),
        "function": function,
        "function, not the last position": [p for p in function if p != prompt.last],
        "content": prompt.of_class("content"),
        "punctuation": prompt.of_kind("punctuation"),
        "last": [prompt.last],
    }
    return {name: [p for p in chosen[name] if p in positions] for name in SETS}


def _columns(rows: Sequence[LayerRow], which: str, first: int, answer: int) -> dict[str, Any]:
    found = [getattr(row, which) for row in rows]
    return {
        "log_odds": [one.log_odds[first:].tolist() for one in found],
        "flipped": [[float(t == answer) for t in one.token_ids[first:].tolist()] for one in found],
    }
