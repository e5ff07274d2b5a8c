"""What the graph page is asked to show:
the filters and the way down, read from an address and checked.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from app.parts.address.kinds import Offer, choice, layer
from app.parts.address.settings import Settings

CLASSES = {"all": "all tokens", "function": "function", "content": "content"}
DRAWN = {n: n for n in ("200", "600", "1500")}  # cells drawn at most
_STEP = re.compile(r"(\d{1,9})-(\d{1,9}),(\d{1,9})-(\d{1,9})")


def _listed(offer: Offer) -> dict[str, str]:
    """Numbers of firings from which the build lists edges."""
    least = offer.can.build.edges_from if offer.can.build else 1
    return {str(n): str(n) for n in offer.can.min_count_grid if n >= least}


def ranges_of(step: str) -> dict[str, int] | None:
    """`3-4,1-458` as the ranges of a request; None where it is no step."""
    found = _STEP.fullmatch(step)
    if found is None:
        return None
    names = ("rank_first", "rank_last", "order_first", "order_last")
    return dict(zip(names, map(int, found.groups()), strict=True))


def read_path(path: str) -> list[str]:
    """The steps of the way down; none of them where one is no step."""
    steps = _steps(path)
    return steps if all(ranges_of(step) for step in steps) else []


def _steps(path: str) -> list[str]:
    return [step for step in path.split(";") if step]


def _said_of_path(path: str) -> str:
    wrong = [step for step in _steps(path) if ranges_of(step) is None]
    if not wrong:
        return ""
    form = "a step is ranks,features, as in 3-4,1-458; showing the whole graph"
    return f"path: got {wrong[0]!r}, {form}"


@dataclass(frozen=True)
class GraphState(Settings):
    """One setting of the filters."""

    path: ClassVar = "/graph"
    beside: ClassVar = {"path": _said_of_path}

    sae: str = layer("graph")
    min_count: str = choice(
        "Firings per edge, at least", _listed, "1", opens=lambda offer: next(iter(_listed(offer)))
    )
    token_class: str = choice("Tokens", CLASSES, "all", name="class")
    max_edges: str = choice("Drawn edges, at most", DRAWN, "600")

    def as_request(self) -> dict[str, str | None]:
        """The filters as /api/graph and /api/graph/degrees take them, less max_edges."""
        token_class = None if self.token_class == "all" else self.token_class
        return {"sae_id": self.sae, "min_count": self.min_count, "token_class": token_class}

    @property
    def path_key(self) -> str:
        """What a way down belongs to: ranks and orders mean the same only within it."""
        return f"{self.sae}|{self.token_class}"


def steps_of(path: Mapping[str, Any] | None, state: GraphState) -> list[str]:
    """The way down that belongs to these filters; none after another SAE or class was chosen."""
    return list(path["steps"]) if path and path.get("key") == state.path_key else []
