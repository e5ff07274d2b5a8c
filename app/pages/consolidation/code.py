"""Which requests each panel of the consolidation page rests on. Pure."""

from __future__ import annotations

from app.pages.consolidation.state import ConsolidationState
from app.parts.reproduce import Request

PANELS = ("loss", "here", "features", "degree", "coverage", "sentence", "paper")


def loss_query(state: ConsolidationState) -> dict[str, str]:
    """The losses' request: always above the bigram baseline,
    so that the measure changes without asking.
    """
    return {"cut": state.cut, "by": state.by, "baseline": "bigram"}


def requests_of(state: ConsolidationState) -> dict[str, list[Request]]:
    """Panel -> the requests whose answers hold its numbers."""
    cut = {"cut": state.cut}
    loss: Request = ("/api/consolidation/loss", loss_query(state))
    features: Request = ("/api/consolidation/features", cut)
    generations: Request = ("/api/consolidation/generations", cut)
    return {
        "loss": [loss],
        "here": [loss, generations],
        "features": [features],
        "degree": [features],
        "coverage": [("/api/consolidation/coverage", cut)],
        "sentence": [generations],
        "paper": [loss],
    }
