"""The firing matrix: its settings in an address, and one prompt's answer as it takes it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from app.parts.opening import marked
from backend import schemas as wire

ORDERS = ("first", "function", "often", "activation")  # static/js/reactivation/matrix/filters.js
FLAGS = ("locked", "from_source", "function_only", "pinned", "shuffled", "set")
NUMBERS = ("least", "density_from", "density")
SETTINGS = (
    "prompt",
    "second",
    "prefix",
    "sae",
    "generate",
    "at",
    "source",
    "pins",
    "order",
    *FLAGS,
    "class",
    *NUMBERS,
    "find",
)
_AT = re.compile(r"none|b?\d+(-b?\d+)?(\.b?\d+(-b?\d+)?)*")


def complaints_of(query: Mapping[str, str], saes: Sequence[str], most: int) -> list[str]:
    """What an address asks for that is not there; `saes`: ids that are live, `most`:
    longest `generate`.
    """
    allowed: dict[str, tuple[str, ...]] = {
        "order": ORDERS,
        "class": ("function", "content"),
        "sae": tuple(saes),
        **dict.fromkeys(FLAGS, ("0", "1")),
    }
    said = [f"{name}: this page has no such setting" for name in query if name not in SETTINGS]
    for name, values in allowed.items():
        if query.get(name) and query[name] not in values:
            said.append(_refused(query, name, f"are {', '.join(values) or 'none'}"))
    said += [
        _refused(query, name, "is a number from 0")
        for name in NUMBERS
        if number(query.get(name, "0")) is None
    ]
    if str(generate_of(query, most)) != query.get("generate", "0"):
        said.append(_refused(query, "generate", f"is a whole number from 0 to {most}"))
    if query.get("at") and not _AT.fullmatch(query["at"]):
        said.append(_refused(query, "at", "is none, or positions as in 7, 5-8, 3.7-9 or b7"))
    if query.get("source") and not re.fullmatch(r"none|b?\d+", query["source"]):
        said.append(_refused(query, "source", "is none, or a position as in 7 or b7"))
    wrong = [
        pin
        for pin in query.get("pins", "").split(",")
        if pin and not re.fullmatch(r".+:\d{1,9}", pin)
    ]
    return said + [f"pins: got {pin!r}, allowed is sae_id:feature_index" for pin in wrong]


def _refused(query: Mapping[str, str], name: str, allowed: str) -> str:
    return f"{name}: got {query[name]!r}, allowed {allowed}"


def view_of(query: Mapping[str, str]) -> dict[str, Any]:
    """The matrix's order and filters from the query; what cannot be read is left at its default."""
    at_class = query.get("class", "")
    return {
        "order": query["order"] if query.get("order") in ORDERS else "first",
        "locked": query.get("locked") == "1",
        "source": query.get("from_source") == "1",
        "only_function": query.get("function_only") == "1",
        "pinned": query.get("pinned") == "1",
        "at_class": at_class if at_class in ("function", "content") else "",
        "least": number(query.get("least", "")),
        "density_from": number(query.get("density_from", "")),
        "density": number(query.get("density", "")),
        "find": query.get("find", ""),
    }


def number(text: str) -> float | None:
    """A number without a sign; None for anything else."""
    return float(text) if text.isascii() and text.replace(".", "", 1).isdigit() else None


def generate_of(query: Mapping[str, str], most: int) -> int:
    """`generate` of the query, 0 for what the server does not take."""
    asked = query.get("generate", "")
    return int(asked) if re.fullmatch(r"[0-9]{1,9}", asked) and int(asked) <= most else 0


def lane_of(
    prompt: str, sae_id: str, answer: wire.InspectResponse, prefix: str | None = None
) -> dict[str, Any]:
    """One prompt as FiringMatrix takes it: next tokens and splits by position, tokens of the prefix
    and generated ones marked. `prefix`: what Steering must be told; None where it is its own.
    """
    following: dict[int, list[dict[str, Any]]] = {}
    for token in answer.next_tokens:
        following.setdefault(token.position, []).append(token.model_dump())
    start = len(answer.tokens) if answer.generated_from is None else answer.generated_from
    tokens = [
        token | ({"generated": True} if token["position"] >= start else {})
        for token in marked(answer.tokens, answer.prefix_length)
    ]
    return {
        "prompt": prompt,
        "prefix": prefix,
        "tokens": tokens,
        "firings": answer.firings[sae_id].model_dump(),
        "next": following,
        "splits": {split.position: split.model_dump() for split in answer.splits.get(sae_id, [])},
    }
