"""The Steering page's pure functions, in a blank page of the browser: keys, units, alignment, sweeps, traits."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.browser

STATIC = Path(__file__).resolve().parents[2] / "static"
SCRIPTS = (
    "live_store", "steer_known", "steer_units", "steer_align", "steer_frames", "intervention_rack",
    "sweep_plan", "trait_plan", "steer_texts", "steer_stream", "steer_shift",
)  # fmt: skip
PLACE = {"q999": 20.0, "decoder_norm": 2.0, "residual_norm": 50.0, "activation": 5.0}
SILENT = PLACE | {"activation": 0.0}
EDIT = {"sae_id": "layer_2", "feature_index": 3, "mode": "add", "value": 20, "positions": "last_function"}
OTHER = EDIT | {"feature_index": 4, "positions": [2, 3]}
SETTINGS = {
    "prompt": "a\n", "chat": False, "interventions": [EDIT, OTHER],
    "include_generated": False, "freeze_attention": False,
    "max_new_tokens": 8, "temperature": 0.8, "samples": 2, "seed": 5, "controls": True,
}  # fmt: skip


@pytest.fixture(scope="module")
def blank(browser: Browser) -> Iterator[Page]:
    """A page with the scripts and nothing else; what they draw with is never called."""
    page = browser.new_page()
    page.goto("about:blank")
    page.evaluate("() => { window.React = { createElement: () => null, memo: (f) => f }; }")
    for name in SCRIPTS:
        page.add_script_tag(path=STATIC / f"{name}.js")
    yield page
    page.close()


def call(page: Page, function: str, *arguments: Any) -> Any:
    return page.evaluate(f"(given) => functionscope.{function}(...given)", list(arguments))


def test_the_order_of_interventions_is_no_part_of_a_request(blank: Page) -> None:
    key = call(blank, "requestKey", SETTINGS)
    assert key == call(blank, "requestKey", SETTINGS | {"interventions": [OTHER, EDIT]})
    assert key == call(blank, "requestKey", dict(reversed(SETTINGS.items())))
    for name, value in (("prompt", "b\n"), ("seed", 6), ("samples", 3), ("freeze_attention", True), ("chat", True)):
        assert key != call(blank, "requestKey", SETTINGS | {name: value}), name
    assert key != call(blank, "requestKey", SETTINGS | {"interventions": [EDIT | {"value": 21}, OTHER]})


def test_what_touches_nothing_is_left_out_of_the_key(blank: Page) -> None:
    bare = SETTINGS | {"interventions": []}
    key = call(blank, "requestKey", bare)
    for name in ("controls", "include_generated", "freeze_attention"):
        assert key == call(blank, "requestKey", bare | {name: not bare[name]}), name
    assert key == call(blank, "baselineKey", SETTINGS) == call(blank, "baselineKey", bare)
    greedy = SETTINGS | {"temperature": 0, "samples": 1, "controls": False}
    assert call(blank, "requestKey", greedy) == call(blank, "requestKey", greedy | {"seed": 9})
    drawn = greedy | {"controls": True}  # the random feature is drawn by the seed
    assert call(blank, "requestKey", drawn) != call(blank, "requestKey", drawn | {"seed": 9})


def test_greedy_texts_come_first_and_then_the_samples(blank: Page) -> None:
    greedy, sampled = call(blank, "steerPasses", SETTINGS)
    assert (greedy["temperature"], greedy["samples"]) == (0, 1)
    assert sampled == SETTINGS
    for name in ("samples", "temperature", "max_new_tokens"):
        assert len(call(blank, "steerPasses", SETTINGS | {name: 0})) == 1, name
    assert call(blank, "steerPasses", None) == []


def test_what_was_asked_for_longest_ago_is_forgotten_first(blank: Page) -> None:
    left = blank.evaluate(
        """() => {
          const known = functionscope.knownResults(2);
          known.put('a', 1); known.put('b', 2); known.get('a'); known.put('c', 3);
          return ['a', 'b', 'c'].map((key) => known.get(key));
        }"""
    )
    assert left == [1, None, 3]


def test_another_model_has_another_memory(blank: Page) -> None:
    found = blank.evaluate(
        """() => {
          functionscope.knownOf('first').shifts.put('key', 1);
          const same = functionscope.knownOf('first').shifts.get('key');
          return [same, functionscope.knownOf('second').shifts.get('key')];
        }"""
    )
    assert found == [1, None]


@pytest.mark.parametrize(
    ("mode", "value", "multiple", "share"),
    [
        ("add", 10.0, 0.5, 0.4),  # 10 / 20; 10 * 2 / 50
        ("clamp", 25.0, 1.25, 0.8),  # sets 25 = 1.25 * 20; moves by 20 * 2 / 50
        ("scale", 3.0, 0.75, 0.4),  # makes 15 = 0.75 * 20; moves by 10 * 2 / 50
        ("ablate", 0.0, -0.25, -0.2),  # takes away 5
    ],
)
def test_units_by_hand(blank: Page, mode: str, value: float, multiple: float, share: float) -> None:
    assert call(blank, "units.multiple", mode, value, PLACE) == pytest.approx(multiple)
    assert call(blank, "units.share", mode, value, PLACE) == pytest.approx(share)
    if mode != "ablate":
        assert call(blank, "units.fromMultiple", mode, multiple, PLACE) == pytest.approx(value)
        assert call(blank, "units.fromShare", mode, share, PLACE) == pytest.approx(value)


def test_a_unit_that_means_nothing_is_not_a_number(blank: Page) -> None:
    assert call(blank, "units.fromMultiple", "scale", 2, SILENT) is None  # no factor of nothing is something
    assert call(blank, "units.fromShare", "scale", 0.5, SILENT) is None
    assert call(blank, "units.multiple", "add", 10, PLACE | {"q999": None}) is None
    assert call(blank, "units.share", "clamp", 10, PLACE | {"activation": None}) is None
    assert call(blank, "units.fromMultiple", "ablate", 1, PLACE) is None


def test_strengths_are_read_in_three_units(blank: Page) -> None:
    read = call(blank, "units.readStrengths", "2x, 40% 12 0.6× -1x 12", "add", PLACE)
    assert read == {"values": [-20, 10, 12, 40], "wrong": [], "unknown": []}  # 40 % = 10; 0.6x = 12, once
    read = call(blank, "units.readStrengths", "1x much 3", "add", PLACE | {"q999": None})
    assert read == {"values": [3], "wrong": ["much"], "unknown": ["1x"]}


def test_a_place_is_read_from_the_columns(blank: Page) -> None:
    columns = {
        "residual_norm": [9.0, 50.0],
        "activation": [1.0, 5.0],
        "token_act_max": [None, 7.0],
        "token_firings": [0, 3],
    }
    strength = {"act_q999": 20.0, "decoder_norm": 2.0, "positions": columns}
    assert call(blank, "units.placeAt", strength, 1) == PLACE | {"token_act_max": 7.0, "token_firings": 3}
    assert call(blank, "units.placeAt", strength, 7)["residual_norm"] is None
    assert call(blank, "units.placeAt", None, 1)["q999"] is None


@pytest.mark.parametrize(
    ("ids", "baseline", "first", "partner"),
    [
        ([1, 2, 3], [1, 2, 3], None, [0, 1, 2]),
        ([1, 2], [1, 2, 3], None, [0, 1]),  # not yet parted: the baseline is ahead
        ([1, 2, 3], [1, 2], 2, [0, 1, None]),
        ([1, 9, 2, 3], [1, 2, 3], 1, [0, None, 1, 2]),  # one put in: the rest has its partners
        ([1, 3], [1, 2, 3], 1, [0, 2]),  # one left out
        ([7, 8], [1, 2], 0, [None, None]),
        ([], [1], None, []),
        ([5], [], 0, [None]),
    ],
)
def test_alignment(blank: Page, ids: list[int], baseline: list[int], first: int | None, partner: list[Any]) -> None:
    assert call(blank, "alignTokens", ids, baseline) == {"first": first, "partner": partner}


def test_partners_are_equal_tokens_in_order(blank: Page) -> None:
    ids, baseline = [3, 1, 4, 1, 5, 9, 2, 6, 5, 3], [3, 1, 4, 4, 1, 9, 9, 6, 5, 8]
    aligned = call(blank, "alignTokens", ids, baseline)
    pairs = [(k, at) for k, at in enumerate(aligned["partner"]) if at is not None]
    assert all(ids[k] == baseline[at] for k, at in pairs)
    assert [at for _, at in pairs] == sorted({at for _, at in pairs})
    assert len(pairs) == 7  # 3 1 4 1 9 6 5


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
    "request": SETTINGS, "interventions": [EDIT | {"uid": "a", "on": False}, OTHER | {"uid": "b", "on": True}],
    "tokens": TOKENS, "lastFunction": 3, "top": None, "mostCells": 100,
    "strengths": {f"layer_2:{f}": {"act_q999": 20.0, "decoder_norm": 2.0, "positions": COLUMNS} for f in (3, 4)},
}  # fmt: skip


def test_a_sweep_is_of_what_is_on_and_keeps_the_others(blank: Page) -> None:
    plan = call(blank, "sweepPlan", SWEEP, SWEPT)
    assert plan["body"] == {
        "prompt": "a\n", "chat": False, "sae_id": "layer_2", "feature_index": 4, "mode": "add",
        "strengths": [10, 20],
        "positions": [1, 2, 3], "interventions": [EDIT],
        "include_generated": False, "max_new_tokens": 8, "target": None,
    }  # fmt: skip
    named = call(blank, "sweepPlan", SWEEP | {"sweep": "layer_2:3", "at": "function"}, SWEPT)["body"]
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
        ({}, {"interventions": [EDIT | {"uid": "a", "on": True, "mode": "ablate"}]}, "Ablate has no strength"),
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
    words = [{"text": "a", "token_id": 1, "probability": 0.5}, {"text": "b", "token_id": 2, "probability": 0.25}]
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
    "trait": "Speak Chinese. Hi?", "contrast": "One?\n\n Two? \n", "test": "Three?",
    "success": "language:zh", "ask": "Speak Chinese. {prompt}", "induces": "0.5", "length": "8",
}  # fmt: skip


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
def test_a_search_that_cannot_be_run_says_why(blank: Page, changes: dict[str, str], problem: str) -> None:
    assert problem in call(blank, "traitPlan", FORM | changes, 10)["problem"]
    assert "3 prompts are more than the 2" in call(blank, "traitPlan", FORM, 2)["problem"]


def test_the_found_feature_stands_alone_in_its_socket(blank: Page) -> None:
    found = {"sae_id": "layer_2", "feature_index": 9, "feature_alpha": 12.34567}
    plugged = call(blank, "withTraitFeature", [EDIT | {"uid": "a", "on": True}], found)
    assert [one["on"] for one in plugged] == [False, True]
    assert (plugged[1]["feature_index"], plugged[1]["value"], plugged[1]["positions"]) == (9, 12.35, "last_function")
    again = call(blank, "withTraitFeature", plugged, found | {"feature_alpha": 3})
    assert len(again) == 2
    assert (again[1]["uid"], again[1]["value"]) == (plugged[1]["uid"], 3)


def test_pins_that_can_be_steered_are_offered(blank: Page) -> None:
    blank.add_script_tag(path=STATIC / "intervention_search.js")
    saes = [{"sae_id": "layer_2"}, {"sae_id": "a:b"}]
    pins = ["layer_2:3", "layer_2:7", "gone:1", "a:b:5"]
    assert call(blank, "pinnedFeatures", pins, saes, [EDIT]) == [
        {"sae_id": "layer_2", "feature_index": 7},
        {"sae_id": "a:b", "feature_index": 5},
    ]


def test_frames_are_read_however_the_network_cuts_them(blank: Page) -> None:
    frames = blank.evaluate(
        """() => {
          const whole = 'event: token\\ndata: {"seq":0,"text":"莫"}\\n\\nevent: final\\r\\ndata: {"seq":1}\\r\\n\\r\\n';
          const read = [];
          let rest = '';
          for (const piece of whole) {
            const [frames, left] = functionscope.readFrames(rest + piece);
            read.push(...frames);
            rest = left;
          }
          return read;
        }"""
    )
    assert frames == [
        {"event": "token", "data": {"seq": 0, "text": "莫"}},
        {"event": "final", "data": {"seq": 1}},
    ]


def test_what_a_token_is_said_to_be(blank: Page) -> None:
    token = {"text": "a", "token_id": 1, "probability": 0.5}
    other = {"text": "b", "token_id": 2, "probability": 0.25}
    assert call(blank, "tokenWords", "baseline", [token], 0, None) == 'token 1: "a", 50.0 % in baseline; id 1'
    assert call(blank, "tokenWords", "steered", [token], 0, [token]).endswith("50.0 % in baseline")
    assert 'the baseline wrote "b", 25.0 %' in call(blank, "tokenWords", "steered", [token], 0, [other])
    assert "the baseline has ended" in call(blank, "tokenWords", "steered", [token], 0, [])
