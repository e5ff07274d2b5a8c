"""Claims: a group of which nothing was tested says so once."""

from __future__ import annotations

from typing import Any

from app.pages.claims.page import claim_group
from backend.schemas import Claim

FIELDS: dict[str, Any] = {
    "group": "Consolidation",
    "statement": "It grows.",
    "made_by": "paper",
    "definition": "d",
    "rule": "r",
    "link": "",
    "value": None,
    "edit": None,
    "layers": [],
}


def untested(number: int, reason: str) -> Claim:
    return Claim.model_construct(id=f"c{number}", verdict="not tested", reason=reason, **FIELDS)


def texts(component: Any) -> list[str]:
    if isinstance(component, str):
        return [component]
    children = getattr(component, "children", None)
    listed = children if isinstance(children, list | tuple) else [children]
    return [text for child in listed if child is not None for text in texts(child)]


def test_what_lacks_for_all_is_said_once_and_the_claims_are_a_click_away() -> None:
    claims = [untested(n, "no training run is here.") for n in range(3)]
    group = claim_group("Consolidation", claims, {"curl": "", "python": ""})
    assert "None of these 3 was tested: no training run is here." in texts(group)
    assert texts(group).count("It grows.") == 3


def test_different_reasons_stand_with_their_claims() -> None:
    claims = [untested(n, f"reason {n}") for n in range(3)]
    group = claim_group("Consolidation", claims, {"curl": "", "python": ""})
    assert not [text for text in texts(group) if text.startswith("None of these")]
