"""Estimates layer by layer into a result, and kinds of places against each other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from backend.core.reactivation.carry import matched
from precompute.experiments.carry_kinds import BUT_LAST, KINDS, PAIRS
from precompute.experiments.patching.by_layer import Values, largest, means
from precompute.experiments.patching.marked import MarkedGroup, MarkedSet
from precompute.experiments.result import Result

CHOICE = "; the interval holds that choice"


def record_layers(result: Result, arm: str, outcome: str, subject: str, values: Values) -> None:
    """The mean of every layer; `values` [layer, prompt]."""
    n = values.shape[1]
    for layer, mean in enumerate(means(values, result.seed)):
        ends = (mean.low, mean.high)
        result.estimated(
            arm, outcome, mean.value, ends, n, sae_id=None, layer=layer, subject=subject
        )


def record_largest(result: Result, arm: str, outcome: str, subject: str, values: Values) -> None:
    """The mean of the layer where it is largest."""
    layer, mean = largest(values, result.seed)
    ends, n = (mean.low, mean.high), values.shape[1]
    result.estimated(arm, outcome, mean.value, ends, n, sae_id=None, layer=layer, subject=subject)


def record_least(result: Result, arm: str, outcome: str, subject: str, values: Values) -> None:
    """The mean of the layer where it is smallest."""
    layer, mean = largest(-values, result.seed)
    ends, n = (-mean.high, -mean.low), values.shape[1]
    result.estimated(arm, outcome, -mean.value, ends, n, sae_id=None, layer=layer, subject=subject)


def place_rows(asked: MarkedSet, group: MarkedGroup) -> list[dict[str, Any]]:
    """Rows of the table `place`: the name's last token (distance 0, one of many), then what stands
    behind it."""
    first = group.prompts[0]
    name_last = first.name.stop - 1
    return [
        {
            "subject": f"{asked.name} {group.number}.{position - name_last}",
            "task": asked.task,
            "question": group.words,
            "distance": position - name_last,
            "token_id": first.ids[position],
            "text": first.tokens[position].text,
            "token_class": first.tokens[position].token_class,
            "kind": first.tokens[position].kind,
            "is_last": position == first.last,
        }
        for position in range(name_last, len(first.ids))
    ]


def compared(rows: Sequence[dict[str, Any]], values: np.ndarray) -> Iterator[tuple[str, Values]]:
    """(arm, [layer, subject]) for kinds of places at equal distances behind the name, and their
    differences.

    `rows`: of the table `place`; `values` [place, layer, subject]. Nothing for kinds that no
    distance has both of.
    """
    distance = np.array([row["distance"] for row in rows], np.int64)
    for first, second in PAIRS:
        for suffix in ("", BUT_LAST):
            counted = [row["distance"] > 0 and not (suffix and row["is_last"]) for row in rows]
            one, other = (
                np.array(
                    [use and KINDS[kind][1](row) for use, row in zip(counted, rows, strict=True)],
                    bool,
                )
                for kind in (first, second)
            )
            a, b, used = matched(values, one, other, distance)
            if used:
                yield first + suffix, a
                yield second + suffix, b
                yield f"{first} - {second}{suffix}", a - b
