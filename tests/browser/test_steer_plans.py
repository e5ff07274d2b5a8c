"""Sweeps and trait searches as requests, in a blank page of the browser:
what is asked, what is refused and why.
"""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from app.pages.run.words import ARM_TITLES, nats
from tests.browser.steer_scripts import EDIT, OTHER, SETTINGS, call, scripted

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def blank(browser: Browser) -> Iterator[Page]:
    yield from scripted(browser)


def test_targets_are_read(blank: Page) -> None:
    top = {"token_id": 8, "text": " Japan"}
    assert call(blank, "readTarget", "", top) == {"kind": "token", "token_id": 8}
    assert call(blank, "readTarget", "", None) is None
    assert call(blank, "readTarget", "none", top) is None
    assert call(blank, "readTarget", "token:·Japan", top) == {"kind": "token", "text": " Japan"}
    assert call(blank, "readTarget", "regex:a:b|c", top) == {"kind": "regex", "pattern": "a:b|c"}
    assert call(blank, "readTarget", "language:zh", top) == {"kind": "language", "language": "zh"}
    assert "target: got" in call(blank, "readTarget", "language:tlh", top)["problem"]


TOKENS = [
    {"position": 0, "token_id": 2, "text": "<bos>", "token_class": "special"},
    {"position": 1, "token_id": 5, "text": "cat", "token_class": "content"},
    {"position": 2, "token_id": 6, "text": ",", "token_class": "function"},
    {"position": 3, "token_id": 7, "text": "\n", "token_class": "function"},
]
SWEEP = {"sweep": "", "strengths": "0.5x 1x", "at": "all", "target": "none"}
COLUMNS = {"residual_norm": [9.0, 9.0, 9.0, 50.0], "activation": [0.0, 0.0, 0.0, 5.0]}
SWEPT = {
    "request": SETTINGS,
    "interventions": [EDIT | {"uid": "a", "on": False}, OTHER | {"uid": "b", "on": True}],
    "tokens": TOKENS,
    "lastFunction": 3,
    "top": None,
    "mostCells": 100,
    "strengths": {
        f"layer_2:{f}": {"act_q999": 20.0, "decoder_norm": 2.0, "positions": COLUMNS}
        for f in (3, 4)
    },
}


def test_a_sweep_is_of_what_is_on_and_keeps_the_others(blank: Page) -> None:
    plan = call(blank, "sweepPlan", SWEEP, SWEPT)
    assert plan["body"] == {
        "prompt": "a\n",
        "chat": False,
        "sae_id": "layer_2",
        "feature_index": 4,
        "mode": "add",
        "strengths": [10, 20],
        "positions": [1, 2, 3],
        "interventions": [EDIT],
        "include_generated": False,
        "freeze_attention": False,
        "max_new_tokens": 8,
        "target": None,
    }
    frozen = call(
        blank, "sweepPlan", SWEEP, SWEPT | {"request": SETTINGS | {"freeze_attention": True}}
    )["body"]
    assert frozen == plan["body"] | {"freeze_attention": True}
    named = call(blank, "sweepPlan", SWEEP | {"sweep": "layer_2:3", "at": "function"}, SWEPT)[
        "body"
    ]
    assert (named["feature_index"], named["positions"]) == (3, [2, 3])


@pytest.mark.parametrize(
    ("settings", "page", "problem"),
    [
        ({"strengths": "much"}, {}, "cannot read much"),
        ({"strengths": ""}, {}, "at least one"),
        ({"strengths": "1x"}, {"strengths": {}}, "1x means nothing here"),
        ({"at": "9"}, {}, "no such token"),
        ({"target": "regex:"}, {}, "target: got"),
        ({}, {"mostCells": 5}, "2 strengths × 3 positions are 6 cells"),
        ({}, {"interventions": []}, "Plug a feature in"),
        (
            {},
            {"interventions": [EDIT | {"uid": "a", "on": True, "mode": "ablate"}]},
            "Ablate has no strength",
        ),
    ],
)
def test_a_sweep_that_cannot_be_run_says_why(
    blank: Page, settings: dict[str, Any], page: dict[str, Any], problem: str
) -> None:
    plan = call(blank, "sweepPlan", SWEEP | settings, SWEPT | page)
    assert problem in plan["problem"]
    assert "body" not in plan


def test_a_table_survives_commas_quotes_and_line_breaks(blank: Page) -> None:
    cell = {
        "strength": 2,
        "position": 3,
        "kl": 0.5,
        "target": None,
        "next_token": {"text": ",", "probability": 0.25},
        "text": 'a "b"\nc',
    }
    rows = call(blank, "csv", call(blank, "sweepTable", TOKENS, [cell])).split("\r\n")
    assert rows[0] == "strength,position,token,kl_nats,target,next_token,next_probability,text"
    assert rows[1] == '2,3,"\n",0.5,,",",0.25,"a ""b""\nc"'


def test_tables_of_texts_and_of_the_next_token(blank: Page) -> None:
    words = [
        {"text": "a", "token_id": 1, "probability": 0.5},
        {"text": "b", "token_id": 2, "probability": 0.25},
    ]
    arms = {"baseline": {"texts": [words]}, "steered": {"texts": [words[1:]]}}
    run = {"passes": [{"request": {"temperature": 0}, "arms": arms}]}
    assert call(blank, "textsTable", run)[1:] == [
        ["baseline", "greedy", 0, "a", 1, 0.5, 0],
        ["baseline", "greedy", 1, "b", 2, 0.25, 1],
        ["steered", "greedy", 0, "b", 2, 0.25, 1],
    ]
    listed = {"baseline": {"next_tokens": words[:1]}, "steered": {"next_tokens": words[1:]}}
    assert call(blank, "shiftTable", listed)[1:] == [["a", 1, 0.5, ""], ["b", 2, "", 0.25]]


def test_colour_goes_by_the_root_of_the_divergence(blank: Page) -> None:
    assert call(blank, "shadeOf", "kl", 1.0, 4.0) == pytest.approx(0.5)
    assert call(blank, "shadeOf", "target", 0.25, 1.0) == pytest.approx(0.25)
    assert call(blank, "shadeOf", "kl", 0.0, 0.0) == 0


FORM = {
    "trait": "Speak Chinese. Hi?",
    "contrast": "One?\n\n Two? \n",
    "test": "Three?",
    "success": "language:zh",
    "ask": "Speak Chinese. {prompt}",
    "induces": "0.5",
    "length": "8",
}


def test_a_search_asks_each_line_with_a_line_break(blank: Page) -> None:
    body = call(blank, "traitPlan", FORM, 10)["body"]
    assert body["trait_prompt"] == "Speak Chinese. Hi?\n"
    assert body["contrast_prompts"] == ["One?\n", "Two?\n"]
    assert body["test_prompts"] == ["Three?\n"]
    assert body["instruction"] == "Speak Chinese. {prompt}"
    assert call(blank, "traitPlan", FORM | {"ask": " "}, 10)["body"]["instruction"] is None


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"trait": " "}, "shows the trait"),
        ({"contrast": ""}, "contrast prompt"),
        ({"test": "\n"}, "test prompt"),
        ({"success": "token:"}, "what shows the trait"),
        ({"ask": "Speak Chinese."}, "{prompt}"),
        ({"induces": "0"}, "got 0"),
        ({"length": "2.5"}, "got 2.5"),
    ],
)
def test_a_search_that_cannot_be_run_says_why(
    blank: Page, changes: dict[str, str], problem: str
) -> None:
    assert problem in call(blank, "traitPlan", FORM | changes, 10)["problem"]
    assert "3 prompts are more than the 2" in call(blank, "traitPlan", FORM, 2)["problem"]


def test_the_found_feature_stands_alone_in_its_socket(blank: Page) -> None:
    found = {"sae_id": "layer_2", "feature_index": 9, "feature_alpha": 12.34567}
    plugged = call(blank, "withTraitFeature", [EDIT | {"uid": "a", "on": True}], found)
    assert [one["on"] for one in plugged] == [False, True]
    assert (plugged[1]["feature_index"], plugged[1]["value"], plugged[1]["positions"]) == (
        9,
        12.35,
        "last_function",
    )
    again = call(blank, "withTraitFeature", plugged, found | {"feature_alpha": 3})
    assert len(again) == 2
    assert (again[1]["uid"], again[1]["value"]) == (plugged[1]["uid"], 3)


def test_the_arms_of_a_search_carry_their_strength(blank: Page) -> None:
    found = {"k": 2, "alpha": 19.4, "feature_alpha": 77.54}
    assert call(blank, "traitArmWords", "features", found) == "k = 2 together, α 19.4"
    assert call(blank, "traitArmWords", "feature", found) == "the feature alone, α 77.5"
    assert call(blank, "traitArmWords", "feature", None) == "the feature alone"
    assert call(blank, "traitArmWords", "asking", found) == "asking in the prompt"


def test_a_recorded_run_reads_as_the_page_that_made_it(blank: Page) -> None:
    assert blank.evaluate("functionscope.ARM_TITLES") == ARM_TITLES
    for kl in (12.3456, 0.071658398, 0.00123456, 0.000345678, 3e-7, 0.0):
        assert call(blank, "nats", kl) == nats(kl)
    assert (nats(0.071658398), nats(3e-7), nats(0.0)) == ("0.0717", "< 0.000001", "0")


def test_figures_have_a_true_minus_and_one_firing_is_one(blank: Page) -> None:
    assert [call(blank, "number", x) for x in (-20, -0.0001234, 0, 28.53)] == [
        "−20",
        "−0.000123",
        "0",
        "28.5",
    ]
    assert [call(blank, "firings", n) for n in (1, 37582)] == ["1 firing", "37,582 firings"]


def test_a_cell_shows_0_only_where_nothing_changes(blank: Page) -> None:
    assert [call(blank, "cellFigure", kl, "kl") for kl in (0, 0.0004, 0.25, 12.3)] == [
        "0",
        "<.01",
        "0.25",
        "12",
    ]


def test_pins_that_can_be_steered_are_offered(blank: Page) -> None:
    saes = [{"sae_id": "layer_2"}, {"sae_id": "a:b"}]
    pins = ["layer_2:3", "layer_2:7", "gone:1", "a:b:5"]
    assert call(blank, "pinnedFeatures", pins, saes, [EDIT]) == [
        {"sae_id": "layer_2", "feature_index": 7},
        {"sae_id": "a:b", "feature_index": 5},
    ]
