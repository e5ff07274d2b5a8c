"""What the coverage page is asked to show: the controls, read from an address and checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dash.development.base_component import Component

from app.parts.controls import one_of, segments, select
from app.parts.opening import coverage_setting, opened_sae
from backend.schemas import Capabilities, Sae

# % of occurrences that function tokens make together; the paper's is 40
CUTS = (20, 30, 40, 50, 60)
DENOMINATORS = {"active": "active features", "dictionary": "whole dictionary"}
ORDERS = {
    "frequency": "most frequent first",
    "degree": "largest degree first",
    "greedy": "greedy set cover",
    "random": "random",
    "document_coverage": "in most documents first",
}
PAGE = "coverage"  # prefix of the ids
CONTROLS = ("sae", "theta", "min_count", "denominator", "order", "cut")


SORTABLE = (
    "rank",
    "token",
    "token_class",
    "occurrences",
    "document_coverage",
    "degree",
    "expected",
    "excess",
    "evenness",
    "new_features",
    "coverage",
)


@dataclass(frozen=True)
class CoverageState:
    """One setting of the controls. `theta` is a value of the SAE's grid, `cut` is in %."""

    sae: str
    theta: float = 0.0
    min_count: int = 1
    denominator: str = "active"
    order: str = "frequency"
    cut: int = 40

    def as_query(self) -> dict[str, str]:
        """Every control as its value in the address."""
        return {
            "sae": self.sae,
            "theta": f"{self.theta!r}".removesuffix(".0"),
            "min_count": str(self.min_count),
            "denominator": self.denominator,
            "order": self.order,
            "cut": str(self.cut),
        }


def default_state(
    saes: Sequence[Sae], capabilities: Capabilities, sae_id: str | None = None
) -> CoverageState:
    """The preset's layer for this page, the middle one, or `sae_id`, at the setting that the build
    opens on (the paper's where it names none). `saes` must not be empty.
    """
    sae_id = sae_id or opened_sae("coverage", capabilities, saes).sae_id
    sae = next(one for one in saes if one.sae_id == sae_id)
    theta, min_count = coverage_setting(sae, capabilities.build)
    return CoverageState(sae_id, theta=theta, min_count=min_count)


def read_state(
    asked: Mapping[str, str], saes: Sequence[Sae], capabilities: Capabilities
) -> tuple[CoverageState, list[str]]:
    """The state that an address asks for, and one complaint for each value that is not allowed.

    A refused value falls back to the default, and the complaint says so.
    """
    complaints: list[str] = []
    named = [sae.sae_id for sae in saes]
    chosen = one_of(asked, "sae", named, default_state(saes, capabilities).sae, complaints)
    default = default_state(saes, capabilities, chosen).as_query()
    thetas = [
        theta for theta, _ in theta_options(next(sae for sae in saes if sae.sae_id == chosen))
    ]
    counts = [str(count) for count in capabilities.min_count_grid]
    state = CoverageState(
        sae=chosen,
        theta=float(one_of(asked, "theta", thetas, default["theta"], complaints)),
        min_count=int(one_of(asked, "min_count", counts, default["min_count"], complaints)),
        denominator=one_of(asked, "denominator", list(DENOMINATORS), "active", complaints),
        order=one_of(asked, "order", capabilities.orders, "frequency", complaints),
        cut=int(one_of(asked, "cut", [str(cut) for cut in CUTS], "40", complaints)),
    )
    if asked.get("sort") and read_sort(asked) is None:
        allowed = f"{', '.join(SORTABLE)}, each with :asc or :desc behind it"
        complaints.append(
            f"sort: got {asked['sort']!r}, allowed are {allowed}; showing the order above"
        )
    known = {*CONTROLS, "sort", "tokens"}
    complaints += [f"{name}: this page has no such setting" for name in asked if name not in known]
    return state, complaints


def read_sort(asked: Mapping[str, str]) -> tuple[str, str] | None:
    """`sort` of an address, `degree:desc` -> ("degree", "desc");
    None = the table's rows as they come.
    """
    column, _, way = asked.get("sort", "").partition(":")
    return (column, way) if column in SORTABLE and way in ("asc", "desc") else None


def theta_options(sae: Sae) -> list[tuple[str, str]]:
    """(value in the address, what the control says) of each θ that the build holds for this SAE."""
    return [
        (CoverageState(sae.sae_id, theta=theta).as_query()["theta"], f"{theta:.3g}")
        for theta in sae.theta_grid
    ]


def control_bar(
    state: CoverageState, saes: Sequence[Sae], capabilities: Capabilities
) -> list[Component]:
    """The controls that change the claim, each under its name."""
    query = state.as_query()
    thetas = theta_options(next(sae for sae in saes if sae.sae_id == state.sae))
    counts = [(str(count), str(count)) for count in capabilities.min_count_grid]
    orders = [(order, ORDERS.get(order, order)) for order in capabilities.orders]
    return [
        segments(
            PAGE, "sae", "Layer", [(sae.sae_id, str(sae.layer)) for sae in saes], query["sae"]
        ),
        select(PAGE, "theta", "Activation above θ", thetas, query["theta"], "7rem"),
        segments(PAGE, "min_count", "Firings per edge, at least", counts, query["min_count"]),
        segments(PAGE, "denominator", "Share of", list(DENOMINATORS.items()), query["denominator"]),
        select(PAGE, "order", "Tokens in order", orders, query["order"], "12.5rem"),
        segments(
            PAGE, "cut", "Function cut, %", [(str(cut), str(cut)) for cut in CUTS], query["cut"]
        ),
    ]
