"""What the Features page is asked to show:
its settings, read from an address, checked, and as a request. Pure.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar, Self

from app.parts.address.kinds import Offer, PageNumber, Typed, choice, declare, layer
from app.parts.address.settings import Settings

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
DIRECTIONS = {"first": "↓", "reversed": "↑"}


@dataclass(frozen=True)
class SearchState(Settings):
    """One setting of the controls; `fires` and `promotes` are a text or #token_id."""

    path: ClassVar = "/features"

    sae: str = layer("features")
    q: str = declare(
        Typed("Search", width="10.5rem", hint="token, label or index", searches=True), ""
    )
    fires: str = declare(Typed("Fires at the token", width="7.5rem", hint="↵, #201"), "")
    promotes: str = declare(Typed("Promotes the token", width="7.5rem", hint="·Paris, #201"), "")
    density: str = choice(
        "Fires at positions",
        {name: words for name, (words, *_) in DENSITIES.items()},
        "any",
        width="10.5rem",
    )
    lift: str = choice(
        "Function against content",
        {name: words for name, (words, *_) in LIFTS.items()},
        "any",
        width="9rem",
    )
    order: str = choice("Order", ORDERS, "n_firings", width="11rem")
    direction: str = choice("Direction", DIRECTIONS, "first")
    page: int = declare(PageNumber(), 1)

    @classmethod
    def read(cls, asked: Mapping[str, str], offer: Offer | None = None) -> tuple[Self, list[str]]:
        state, said = super().read(asked, offer)
        if state.fires or state.order not in AT_TOKEN:
            return state, said
        told = f"order: {state.order} needs a token that fires the feature; showing n_firings"
        return replace(state, order="n_firings"), [*said, told]


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
