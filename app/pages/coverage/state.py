"""What the coverage page is asked to show: its settings, read from an address and checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from app.links import written
from app.pages.coverage.columns import SORTABLE
from app.parts.address.kinds import Offer, choice, layer
from app.parts.address.settings import Settings, anything
from app.parts.opening import coverage_setting
from backend.schemas import Sae

# % of occurrences that function tokens make together; the paper's is 40
CUTS = {str(cut): str(cut) for cut in (20, 30, 40, 50, 60)}
DENOMINATORS = {"active": "active features", "dictionary": "whole dictionary"}
ORDERS = {
    "frequency": "most frequent first",
    "degree": "largest degree first",
    "greedy": "greedy set cover",
    "random": "random",
    "document_coverage": "in most documents first",
}


def theta_options(sae: Sae) -> dict[str, str]:
    """Each θ that the build holds for this SAE."""
    return {written(theta): f"{theta:.3g}" for theta in sae.theta_grid}


def _counts(offer: Offer) -> dict[str, str]:
    return {str(count): str(count) for count in offer.can.min_count_grid}


def _orders(offer: Offer) -> dict[str, str]:
    return {order: ORDERS.get(order, order) for order in offer.can.orders}


def read_sort(asked: Mapping[str, str]) -> tuple[str, str] | None:
    """`sort` of an address, `degree:desc` -> ("degree", "desc");
    None = the table's rows as they come.
    """
    column, _, way = asked.get("sort", "").partition(":")
    return (column, way) if column in SORTABLE and way in ("asc", "desc") else None


def _said_of_sort(sort: str) -> str:
    if not sort or read_sort({"sort": sort}):
        return ""
    allowed = f"{', '.join(SORTABLE)}, each with :asc or :desc behind it"
    return f"sort: got {sort!r}, allowed are {allowed}; showing the order above"


@dataclass(frozen=True)
class CoverageState(Settings):
    """One setting of the controls. `theta` is a value of the SAE's grid, `cut` is in %."""

    path: ClassVar = "/coverage"
    beside: ClassVar = {"tokens": anything, "sort": _said_of_sort}

    sae: str = layer("coverage")
    theta: float = choice(
        "Activation above θ",
        lambda offer: theta_options(offer.sae),
        0.0,
        opens=lambda offer: coverage_setting(offer.sae, offer.can.build)[0],
        width="7rem",
    )
    min_count: int = choice(
        "Firings per edge, at least",
        _counts,
        1,
        opens=lambda offer: coverage_setting(offer.sae, offer.can.build)[1],
    )
    denominator: str = choice("Share of", DENOMINATORS, "active")
    order: str = choice("Tokens in order", _orders, "frequency", width="12.5rem")
    cut: int = choice("Function cut, %", CUTS, 40)
