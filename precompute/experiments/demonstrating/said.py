"""What came out, in sentences made from the figures."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from precompute.experiments.demonstrating.found import Found, multiple_name
from precompute.experiments.demonstrating.judging import (
    ASKED,
    CONTENT,
    DIRECTION,
    FEATURE,
    RANDOM,
    UNEDITED,
)
from precompute.experiments.result import Result, shown


def said_of(result: Result, found: Found) -> Iterator[str]:
    """Of one trait in one SAE: the feature, then the direction."""
    name, sae_id = found.goal.name, found.sae.sae_id
    unedited = shown(result.value(UNEDITED, "shown", None, name), percent=True)
    start = f"{name}, {sae_id}: "
    own = found.feature
    if own is None:
        yield (
            f"{start}none of {len(found.scan.candidates)} features shows it oftener than no edit."
        )
    else:
        yield (
            f"{start}feature {own.feature_index} at {own.strength:g} of the residual's length: "
            f"{_beside(result, FEATURE, name, sae_id)}; without an edit {unedited}."
        )
    yield (
        f"{start}the difference of means × {found.alpha:g}, a direction: "
        f"{_beside(result, DIRECTION, name, sae_id, multiple_name(found.alpha))}."
    )


def said_of_pair(result: Result, pair: Sequence[Found]) -> Iterator[str]:
    """Of two at once."""
    name = "+".join(one.goal.name for one in pair)
    arms = (FEATURE, DIRECTION, ASKED)
    for arm in arms:
        rows = [result.found(arm, outcome, name) for outcome in ("shown", "first", "second")]
        both, first, second = (row and shown(row, percent=True) for row in rows)
        if both:
            yield (
                f"{name}, {arm}: both in {both}, {pair[0].goal.name} in {first}, "
                f"{pair[1].goal.name} in {second}."
            )


def _beside(result: Result, kind: str, name: str, sae_id: str, arm: str | None = None) -> str:
    own = result.value(arm or kind, "shown", sae_id, name)
    random = shown(result.value(RANDOM[kind], "shown", sae_id, name), percent=True)
    content = shown(result.value(kind + CONTENT, "shown", sae_id, name), percent=True)
    return (
        f"{shown(own, percent=True)} of {own['n']} answers show it, with random features of that "
        f"length {random}, at a content word {content}"
    )
