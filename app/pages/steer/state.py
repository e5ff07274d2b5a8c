"""What the Steering page holds: interventions as its rack takes them, settings, and passes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from app.parts.steering import BadAddress, Written
from backend import schemas as wire

TOKENS = 24  # generated tokens per text at first: the lab model's answers are shorter
TEMPERATURE = 0.8  # of the sampled texts, at first
RECORDED = "records the texts and what made them: features that are switched off are not part of it"


def as_prop(written: Written, uid: str, value: float) -> dict[str, Any]:
    """As InterventionRack holds it; `value` stands in where the address gives none."""
    positions = (
        list(written.positions) if isinstance(written.positions, tuple) else written.positions
    )
    return {
        "uid": uid,
        "sae_id": written.sae_id,
        "feature_index": written.feature_index,
        "mode": written.mode,
        "value": value if written.value is None else written.value,
        "positions": positions,
        "on": written.on,
    }


def of_demonstration(demonstration: wire.Demonstration, uid: str) -> dict[str, Any]:
    fields = demonstration.model_dump(
        include={"sae_id", "feature_index", "mode", "value", "positions"}
    )
    return {"uid": uid, **fields, "on": True}


def settings(
    query: Mapping[str, str], limits: wire.Limits, *, chat: bool = False
) -> dict[str, Any]:
    """Generation settings of an address, in the order of the page's outputs.

    Raises BadAddress for a number that cannot be read or is out of range.

    `samples` counts the seeded texts beside the greedy one: 0, or 1 where only a temperature is
    given. `chat`: what the preset opens with.
    """
    most_tokens = limits.max_new_tokens
    samples = 1 if float(_bounded(query, "temperature", 0.0, 0.0, limits.temperature)) > 0 else 0
    return {
        **{name: _flag(query, name, "0") for name in ("generated", "freeze")},
        "chat": _flag(query, "chat", "1" if chat else "0"),
        "tokens": _whole(query, "tokens", min(TOKENS, most_tokens), 1, most_tokens),
        "temperature": _bounded(
            query, "temperature", min(TEMPERATURE, limits.temperature), 0.0, limits.temperature
        ),
        "samples": _whole(query, "samples", samples, 0, limits.samples),
        "seed": _whole(query, "seed", 0, 0, 2**53 - 1),
        "controls": _flag(query, "controls", "1"),
    }


def passes(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The requests of POST /api/steer that the page's settings mean:
    greedy, then the samples if there are any.
    """
    greedy = {**body, "temperature": 0.0, "samples": 1}
    sampled = body["samples"] > 0 and body["temperature"] > 0 and body["max_new_tokens"] > 0
    return [greedy, dict(body)] if sampled else [greedy]


def _whole(query: Mapping[str, str], name: str, default: int, low: int, high: int) -> int:
    value = _bounded(query, name, default, low, high)
    if value != int(value):
        raise BadAddress(
            name, f"got {query[name]!r}, allowed is a whole number from {low} to {high}"
        )
    return int(value)


def _flag(query: Mapping[str, str], name: str, default: str) -> bool:
    value = query.get(name) or default
    if value not in ("0", "1"):
        raise BadAddress(name, f"got {value!r}, allowed are 0 and 1")
    return value == "1"


def _bounded(query: Mapping[str, str], name: str, default: float, low: float, high: float) -> float:
    if name not in query:
        return default
    try:
        value = float(query[name])
    except ValueError:
        value = math.nan
    if not low <= value <= high:
        raise BadAddress(name, f"got {query[name]!r}, allowed is {low:g} to {high:g}")
    return value
