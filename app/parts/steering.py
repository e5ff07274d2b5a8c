"""Interventions as an address writes them, and what the steered next tokens show.

`f` holds interventions separated by commas, each `sae_id:index` (as pins are written) or
`sae_id:index:mode:value:positions`, with `:off` behind it when switched off; positions are
`last_function`, `last`, `all` or numbers with dots between them (`3.5.7`).
static/js/steering/address.js writes it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from backend import schemas as wire

_ITEM = re.compile(
    r"(?P<sae>[^,]+?):(?P<index>\d{1,9})"
    r"(?::(?P<mode>add|clamp|scale|ablate):(?P<value>[-+.\deE]+):(?P<positions>last_function|last|all|[\d.]+)(?P<off>:off)?)?"
)

_ESCAPED = {"\n": "\\n", "\t": "\\t", "\r": "\\r", "\\": "\\\\", "|": "\\|"}


class BadAddress(ValueError):
    """The address names something that cannot be steered with;
    says what came and what is allowed.
    """

    def __init__(self, name: str, said: str) -> None:
        super().__init__(f"{name}: {said}")
        self.name = name  # in the address


@dataclass(frozen=True)
class Written:
    """One intervention as an address gives it; `value` None = not said."""

    sae_id: str
    feature_index: int
    mode: str = "add"
    value: float | None = None
    positions: str | tuple[int, ...] = "last_function"
    on: bool = True


def parse(text: str) -> list[Written]:
    """`f` of an address. Raises BadAddress for an item that is not of the form above."""
    return [_item(item) for item in text.split(",") if item]


def _item(item: str) -> Written:
    found = _ITEM.fullmatch(item)
    if found is None:
        raise BadAddress(
            "f", f"got {item!r}, allowed is sae_id:index or sae_id:index:mode:value:positions[:off]"
        )
    sae_id, index = found["sae"], int(found["index"])
    if found["mode"] is None:
        return Written(sae_id, index)
    positions = found["positions"]
    numbers = (
        tuple(int(n) for n in positions.split(".") if n) if positions[0].isdigit() else positions
    )
    return Written(
        sae_id, index, found["mode"], _number(found["value"]), numbers, found["off"] is None
    )


def _number(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise BadAddress("f", f"got the strength {text!r}, allowed is a finite number")
    return value


def text_of(interventions: list[dict[str, Any]]) -> str:
    """The inverse of `parse`, as the browser writes it: 7.0 reads "7"."""
    return ",".join(_text(it) for it in interventions)


def _text(it: dict[str, Any]) -> str:
    value = int(it["value"]) if float(it["value"]).is_integer() else it["value"]
    positions = (
        ".".join(map(str, it["positions"]))
        if isinstance(it["positions"], list)
        else it["positions"]
    )
    off = "" if it["on"] else ":off"
    return f"{it['sae_id']}:{it['feature_index']}:{it['mode']}:{value}:{positions}{off}"


def written_stops(stops: Sequence[str]) -> str:
    """As an address and the page's field hold them: \\n for a line break, " | " between several."""
    return " | ".join("".join(_ESCAPED.get(c, c) for c in one) for one in stops)


def read_stops(text: str) -> list[str]:
    """The inverse; empty pieces fall away."""
    plain = {written: c for c, written in _ESCAPED.items()}
    pieces = [one for one in text.split(" | ") if one]
    return [re.sub(r"\\[ntr\\|]", lambda found: plain[found[0]], one) for one in pieces]


def shift_of(answer: wire.SteerResponse) -> dict[str, Any]:
    """What SteerShift shows of an answer."""
    arms = {"baseline": answer.baseline, "steered": answer.steered}
    shown = {
        name: {"next_tokens": [n.model_dump() for n in arm.next_tokens]}
        for name, arm in arms.items()
    }
    return {
        **shown,
        "kl": answer.kl,
        "sentence": answer.sentence,
        "applied_positions": answer.applied_positions,
    }
