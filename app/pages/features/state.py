"""What the Features page is asked to show:
its settings, read from an address, checked, and as a request. Pure.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from backend.schemas import Sae

ROWS = 50
DENSITIES = {
    "any": ("any density", 0.0, 1.0),
    "rare": ("below 1 in 10,000", 0.0, 1e-4),
    "sparse": ("1 in 10,000 to 1 in 1,000", 1e-4, 1e-3),
    "common": ("1 in 1,000 to 1 in 100", 1e-3, 1e-2),
    "dense": ("1 in 100 to 1 in 10", 1e-2, 0.1),
    "everywhere": ("above 1 in 10", 0.1, 1.0),
}
LIFTS: dict[str, tuple[str, float | None, float | None]] = {
    "any": ("any", None, None),
    "function": ("more at function", 1.0, None),
    "function10": ("10× at function", 10.0, None),
    "content": ("more at content", None, 1.0),
    "content10": ("10× at content", None, 0.1),
}
ORDERS = {
    "n_firings": "fires most often",
    "act_max": "largest activation",
    "mean_activation": "largest mean activation",
    "n_tokens": "fired by most tokens",
    "first_rank": "reached first by frequency",
    "function_lift": "most at function tokens",
    "content_lift": "most at content tokens",
    "feature_index": "by index",
    "token_count": "fires most often at the token",
    "token_strength": "most strongly at the token",
    "token_share": "most of its firings at the token",
}
AT_TOKEN = ("token_count", "token_strength", "token_share")
CONTROLS = ("sae", "q", "fires", "promotes", "density", "lift", "order", "direction")


@dataclass(frozen=True)
class SearchState:
    """One setting of the controls, as the address writes it;
    `fires` and `promotes` are a text or #token_id.
    """

    sae: str
    q: str = ""
    fires: str = ""
    promotes: str = ""
    density: str = "any"
    lift: str = "any"
    order: str = "n_firings"
    direction: str = "first"
    page: int = 1

    def as_query(self) -> dict[str, str]:
        return {name: str(getattr(self, name)) for name in (*CONTROLS, "page")}


def read_state(asked: Mapping[str, str], saes: Sequence[Sae]) -> tuple[SearchState, list[str]]:
    """The state that an address asks for, and a complaint for each value that is not allowed."""
    state = SearchState(sae=saes[(len(saes) - 1) // 2].sae_id)
    complaints: list[str] = []
    allowed: dict[str, Sequence[str]] = {
        "sae": [sae.sae_id for sae in saes],
        "density": list(DENSITIES),
        "lift": list(LIFTS),
        "order": list(ORDERS),
        "direction": ("first", "reversed"),
    }
    for name, value in asked.items():
        if name in ("q", "fires", "promotes"):
            state = _with(state, name, value[:200])
        elif name == "page":
            state = replace(
                state, page=int(value) if value.isdecimal() and 0 < int(value) < 10**6 else 1
            )
            complaints += (
                []
                if str(state.page) == value
                else [f"page: got {value!r}, allowed is a number from 1"]
            )
        elif name not in allowed:
            complaints.append(f"{name}: this page has no such setting")
        elif value in allowed[name]:
            state = _with(state, name, value)
        else:
            shown = getattr(state, name)
            complaints.append(
                f"{name}: got {value!r}, allowed are {', '.join(allowed[name])}; showing {shown}"
            )
    if state.order in AT_TOKEN and not state.fires:
        complaints.append(
            f"order: {state.order} needs a token that fires the feature; showing n_firings"
        )
        state = replace(state, order="n_firings")
    return state, complaints


def _with(state: SearchState, name: str, value: str) -> SearchState:
    changed: dict[str, Any] = {name: value}
    return replace(state, **changed)


def request_of(
    state: SearchState, token_id: int | None, promotes: int | None
) -> dict[str, str | int | float | None]:
    """Query of GET /api/features less its sae_id; tokens are resolved already."""
    _, least, most = DENSITIES[state.density]
    _, low, high = LIFTS[state.lift]
    descending = state.order not in ("feature_index", "first_rank")
    direction = "descending" if descending != (state.direction == "reversed") else "ascending"
    return {
        "q": state.q.strip() or None,
        "token_id": token_id,
        "promotes": promotes,
        "min_density": least or None,
        "max_density": most if most < 1 else None,
        "min_lift": low,
        "max_lift": high,
        "order": state.order,
        "direction": direction if state.direction == "reversed" else None,
        "limit": ROWS,
        "offset": (state.page - 1) * ROWS,
    }


def n_pages(total: int) -> int:
    return max(1, math.ceil(total / ROWS))
