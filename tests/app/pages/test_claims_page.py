"""Claims: a group of which nothing was tested says so once."""

from __future__ import annotations

import csv
import io
from typing import Any

from app.pages.claims.card import claim_card
from app.pages.claims.page import claim_group
from backend.core.claims.judge import Judged
from backend.core.claims.rules import Figure, Measured, load_claims
from backend.routes.browse.claims import claim_of
from backend.routes.browse.claims_written import WRITTEN, Stated
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


def lost_answers() -> Claim:
    """The shipped claim with 74.3 % as its number."""
    claim = next(one for one in load_claims() if one.id == "the-answer-stays-right")
    measured = Measured(
        0.743,
        (0.58, 0.86),
        35,
        claim.parameters["n_unit"],
        "layer_12",
        Figure("experiments"),
        claim.parameters["beside_words"],
        0.057,
        (0.02, 0.19),
    )
    return claim_of(Judged(claim, measured, "not supported", ""), "")


def test_a_share_that_counts_against_its_claim_says_what_it_is_a_share_of() -> None:
    claim = lost_answers()
    card = claim_card(claim)
    assert "74.3 % of the right answers lost" in texts(card)
    assert "74.3 % of the right answers lost on an axis" in str(card)
    assert "right answers lost with the feature at a content word:" in texts(card)
    assert "lost" in claim.definition


def test_files_to_take_along_say_it_too() -> None:
    stated = Stated("m", "abc", "1")
    csv_text, bib = (WRITTEN[name].write([lost_answers()], stated) for name in ("csv", "bib"))
    (row,) = csv.DictReader(io.StringIO(csv_text))
    assert (row["unit"], row["noun"]) == ("share", "of the right answers lost")
    assert "0.743 (share of the right answers lost, 95 \\% interval" in bib
