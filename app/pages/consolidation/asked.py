"""What an address of the consolidation page asks for that the training runs do not have. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from app.pages.consolidation.data import all_steps, nearest_step
from backend.schemas import Generations, LossResponse


def complaints_of(
    asked: Mapping[str, str], losses: LossResponse, generations: Generations
) -> list[str]:
    """One complaint for each checkpoint, part, run, sentence or range that is not there."""
    steps = all_steps(losses.runs)
    complaints: list[str] = []
    for name, instead in (
        ("step", steps[nearest_step(steps, asked.get("step"))]),
        ("compare", "none"),
    ):
        if asked.get(name) and asked[name] not in map(str, steps):
            complaints.append(_said(name, asked[name], list(map(str, steps)), str(instead)))
    for name, n in (("run", len(generations.runs)), ("sentence", len(generations.sentences))):
        if asked.get(name) and asked[name] not in map(str, range(n)):
            complaints.append(f"{name}: got {asked[name]!r}, allowed are 0 to {n - 1}; showing 0")
    if asked.get("group") and asked["group"] not in losses.groups:
        complaints.append(_group(asked["group"], losses.groups))
    return complaints + _range(asked)


def _said(name: str, value: str, allowed: Sequence[str], instead: str) -> str:
    return f"{name}: got {value!r}, allowed are {', '.join(allowed)}; showing {instead}"


def _group(value: str, groups: Sequence[str]) -> str:
    if not groups:
        return f"group: got {value!r}, allowed is none, for the targets are not split"
    return _said("group", value, groups, groups[0])


def _range(asked: Mapping[str, str]) -> list[str]:
    """`from` and `to` are steps, brushed together."""
    if not asked.get("from") and not asked.get("to"):
        return []
    low, high = (_number(asked.get(name, "")) for name in ("from", "to"))
    if 0 <= low < high:
        return []
    given = f"from {asked.get('from', '')!r} to {asked.get('to', '')!r}"
    return [f"from, to: got {given}, allowed are two steps, the smaller first; showing all"]


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan
