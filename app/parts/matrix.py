"""The firing matrix: its settings in an address, and one prompt's answer as it takes it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from app.parts.controls import not_known
from app.parts.opening import marked
from app.parts.prompts.conversation import ALLOWED, read_turns
from backend import schemas as wire

ORDERS = ("first", "function", "often", "activation")  # static/js/reactivation/matrix/filters.js


def number(text: str) -> float | None:
    """A number without a sign; None for anything else."""
    return float(text) if text.isascii() and text.replace(".", "", 1).isdigit() else None


@dataclass(frozen=True)
class Asked:
    """One setting: `read` gives None for a value that is not allowed; what is, in words.

    `view`: its name in the matrix's view; `default`: what stands there without it.
    """

    read: Callable[[str], Any] = str
    allowed: str = ""
    view: str = ""
    default: Any = None


def _one(values: Sequence[str], view: str, default: str) -> Asked:
    read = {"": default, **{value: value for value in values}}.get
    return Asked(read, f"are {', '.join(values)}", view, default)


def _flag(view: str = "") -> Asked:
    return Asked({"": False, "0": False, "1": True}.get, "are 0, 1", view, default=False)


def _form(pattern: str, allowed: str) -> Asked:
    return Asked(re.compile(f"(?:{pattern})?").fullmatch, allowed)


_NUMBER = Asked(number, "is a number from 0")
_PLACE = r"b?\d+(-b?\d+)?"
SETTINGS = {
    **dict.fromkeys(("prompt", "second", "prefix", "sae", "generate", "pins"), Asked()),
    "order": _one(ORDERS, "order", "first"),
    "class": _one(("function", "content"), "at_class", ""),
    "locked": _flag("locked"),
    "from_source": _flag("source"),
    "function_only": _flag("only_function"),
    "pinned": _flag("pinned"),
    "shuffled": _flag(),
    "set": _flag(),
    **{name: replace(_NUMBER, view=name) for name in ("least", "density_from", "density")},
    "find": Asked(view="find", default=""),
    "at": _form(rf"none|{_PLACE}(\.{_PLACE})*", "is none, or positions as in 7, 5-8, 3.7-9 or b7"),
    "source": _form(r"none|b?\d+", "is none, or a position as in 7 or b7"),
    "chat": _flag(),
    "turns": Asked(read_turns, ALLOWED),
    "own": _form(r"[0-9a-f]{20}", "is the id of a run over prompts of one's own"),
}


def complaints_of(query: Mapping[str, str], saes: Sequence[str], most: int) -> list[str]:
    """What an address asks for that is not there; `saes`: ids that are live, `most`:
    longest `generate`.
    """
    wrong = {name: SETTINGS[name].allowed for name in query if name in SETTINGS}
    wrong = {name: told for name, told in wrong.items() if SETTINGS[name].read(query[name]) is None}
    if query.get("sae") and query["sae"] not in saes:
        wrong["sae"] = f"are {', '.join(saes) or 'none'}"
    if str(generate_of(query, most)) != query.get("generate", "0"):
        wrong["generate"] = f"is a whole number from 0 to {most}"
    pins = [
        pin
        for pin in query.get("pins", "").split(",")
        if pin and not re.fullmatch(r".+:\d{1,9}", pin)
    ]
    return [
        *not_known(query, SETTINGS),
        *(f"{name}: got {query[name]!r}, allowed {told}" for name, told in wrong.items()),
        *(f"pins: got {pin!r}, allowed is sae_id:feature_index" for pin in pins),
    ]


def view_of(query: Mapping[str, str]) -> dict[str, Any]:
    """The matrix's order and filters from the query; what cannot be read is left at its default."""
    shown = {}
    for name, asked in SETTINGS.items():
        if asked.view:
            value = asked.read(query.get(name, ""))
            shown[asked.view] = asked.default if value is None else value
    return shown


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
