"""Which SAE a page opens on: the preset's, else the page's own way; never one that is not there."""

from types import SimpleNamespace
from typing import Any

import pytest

from app.pages.coverage.state import CoverageState
from app.pages.features.state import SearchState
from app.pages.graph.state import GraphState
from app.pages.overview.strip import prompt_strip
from app.pages.reactivation.state import default_sae, defaults_of
from app.pages.steer.page import _steering_sae
from app.parts.address.kinds import Offer
from app.parts.opening import opened_sae
from backend.schemas import InspectResponse
from backend.schemas.server import Opening

SAES: list[Any] = [
    SimpleNamespace(sae_id=f"l{layer}", layer=layer, live=True, use="both", theta_grid=[0.0])
    for layer in (1, 2, 3, 4)
]


def can(**default_sae: str) -> Any:
    """What a server with these four SAEs tells; its demonstration uses the third."""
    return SimpleNamespace(
        saes=SAES,
        opening=Opening(default_sae=default_sae),
        demonstrations=[SimpleNamespace(sae_id="l3")],
        min_count_grid=[1],
        orders=["frequency"],
        build=None,
    )


def opened(told: Any) -> dict[str, str | None]:
    return {
        "coverage": CoverageState.read({}, Offer(told, SAES))[0].sae,
        "graph": GraphState.read({}, Offer(told, SAES))[0].sae,
        "features": SearchState.read({}, Offer(told, SAES))[0].sae,
        "overview": opened_sae("overview", told, SAES).sae_id,
        "reactivation": default_sae(told),
        "steer": _steering_sae(told),
    }


def test_without_a_choice_a_page_goes_its_own_way() -> None:
    middle = dict.fromkeys(("coverage", "graph", "features", "overview"), "l2")
    assert opened(can()) == middle | {"reactivation": "l3", "steer": "l3"}


@pytest.mark.parametrize(
    "page", ["coverage", "graph", "features", "overview", "reactivation", "steer"]
)
def test_the_choice_is_of_one_page_alone(page: str) -> None:
    assert opened(can(**{page: "l4"})) == opened(can()) | {page: "l4"}
    assert opened(can(**{page: "gone"})) == opened(can())


def test_pins_tell_steering_of_examples_that_it_does_not_open_with() -> None:
    """It opens with those of the first demonstration whose SAE is live, which may be its own."""
    told = can()
    told.opening, told.prompts, told.default_prompt = Opening(prefix="the preset's\n"), [], "a"
    own = [("gone", "not live\n"), ("l3", "its own\n"), ("l1", "later\n")]
    told.demonstrations = [SimpleNamespace(sae_id=sae, prefix=prefix) for sae, prefix in own]
    opened = defaults_of(told)
    assert (opened["prefix"], opened["steering_prefix"]) == ("the preset's\n", "its own\n")
    told.demonstrations = told.demonstrations[:1]
    assert defaults_of(told)["steering_prefix"] == "the preset's\n"


def test_a_strip_leaves_the_prefix_out() -> None:
    tokens = [
        {"position": p, "token_id": p, "text": text, "token_class": None}
        for p, text in enumerate(("example", "question", "?"))
    ]
    answer = InspectResponse.model_validate(
        {
            "tokens": tokens,
            "prefix_length": 1,
            "firings": {},
            "next_tokens": [],
            "splits": {"l1": []},
            "feature_info": {},
            "residual_norms": {},
            "effective": {},
        }
    )
    shown = str(prompt_strip(answer, SAES[0], "question?", 3, 0))
    assert "question" in shown
    assert "example" not in shown
