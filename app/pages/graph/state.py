"""What the graph page is asked to show:
the filters and the way down, read from an address and checked.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from dash.development.base_component import Component

from app.parts.controls import segments
from app.parts.opening import opened_sae
from backend.schemas import Capabilities, Sae

CLASSES = {"all": "all tokens", "function": "function", "content": "content"}
CONTROLS = ("sae", "min_count", "class", "max_edges")
DRAWN = ("200", "600", "1500")  # cells drawn at most
_STEP = re.compile(r"(\d{1,9})-(\d{1,9}),(\d{1,9})-(\d{1,9})")


@dataclass(frozen=True)
class GraphState:
    """One setting of the filters."""

    sae: str
    min_count: str = "1"
    token_class: str = "all"
    max_edges: str = "600"

    def as_query(self) -> dict[str, str]:
        """Every control as its value in the address."""
        return {
            "sae": self.sae,
            "min_count": self.min_count,
            "class": self.token_class,
            "max_edges": self.max_edges,
        }

    def as_request(self) -> dict[str, str | None]:
        """The filters as /api/graph and /api/graph/degrees take them, less max_edges."""
        token_class = None if self.token_class == "all" else self.token_class
        return {"sae_id": self.sae, "min_count": self.min_count, "token_class": token_class}

    @property
    def path_key(self) -> str:
        """What a way down belongs to: ranks and orders mean the same only within it."""
        return f"{self.sae}|{self.token_class}"


def read_state(
    asked: Mapping[str, str], saes: Sequence[Sae], capabilities: Capabilities
) -> tuple[GraphState, list[str], list[str]]:
    """(state, the steps of the way down, complaints); a refused value falls back to the default."""
    complaints: list[str] = []
    default = GraphState(opened_sae("graph", capabilities, saes).sae_id)

    def one_of(name: str, allowed: Sequence[str], otherwise: str) -> str:
        value = asked.get(name, otherwise)
        if value in allowed:
            return value
        complaints.append(
            f"{name}: got {value!r}, allowed are {', '.join(allowed)}; showing {otherwise}"
        )
        return otherwise

    state = replace(
        default,
        sae=one_of("sae", [sae.sae_id for sae in saes], default.sae),
        min_count=one_of("min_count", listed := _listed(capabilities), listed[0]),
        token_class=one_of("class", list(CLASSES), "all"),
        max_edges=one_of("max_edges", DRAWN, "600"),
    )
    complaints += [
        f"{name}: this page has no such setting"
        for name in asked
        if name not in {*CONTROLS, "path"}
    ]
    steps = [step for step in asked.get("path", "").split(";") if step]
    wrong = [step for step in steps if ranges_of(step) is None]
    if wrong:
        complaints.append(
            f"path: got {wrong[0]!r}, a step is ranks,features, as in 3-4,1-458; showing the "
            "whole graph"
        )
        steps = []
    return state, steps, complaints


def _listed(capabilities: Capabilities) -> list[str]:
    """Numbers of firings from which the build lists edges."""
    least = capabilities.build.edges_from if capabilities.build else 1
    return [str(n) for n in capabilities.min_count_grid if n >= least]


def ranges_of(step: str) -> dict[str, int] | None:
    """`3-4,1-458` as the ranges of a request; None where it is no step."""
    found = _STEP.fullmatch(step)
    if found is None:
        return None
    names = ("rank_first", "rank_last", "order_first", "order_last")
    return dict(zip(names, map(int, found.groups()), strict=True))


def steps_of(path: Mapping[str, Any] | None, state: GraphState) -> list[str]:
    """The way down that belongs to these filters; none after another SAE or class was chosen."""
    return list(path["steps"]) if path and path.get("key") == state.path_key else []


def control_bar(
    state: GraphState, saes: Sequence[Sae], capabilities: Capabilities
) -> list[Component]:
    """The filters, each under its name."""
    query = state.as_query()
    counts = _listed(capabilities)
    return [
        segments(
            "graph", "sae", "Layer", [(sae.sae_id, str(sae.layer)) for sae in saes], query["sae"]
        ),
        segments(
            "graph",
            "min_count",
            "Firings per edge, at least",
            [(n, n) for n in counts],
            query["min_count"],
        ),
        segments("graph", "class", "Tokens", list(CLASSES.items()), query["class"]),
        segments(
            "graph",
            "max_edges",
            "Drawn edges, at most",
            [(n, n) for n in DRAWN],
            query["max_edges"],
        ),
    ]
