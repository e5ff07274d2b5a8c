"""The Steering page's pure functions, in a blank page of the browser:
keys, units, alignment, frames.
"""

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.steer_scripts import EDIT, OTHER, SETTINGS, call, scripted

pytestmark = pytest.mark.browser

PLACE = {"q999": 20.0, "decoder_norm": 2.0, "residual_norm": 50.0, "activation": 5.0}
SILENT = PLACE | {"activation": 0.0}


@pytest.fixture(scope="module")
def blank(browser: Browser) -> Iterator[Page]:
    yield from scripted(browser)


def test_the_order_of_interventions_is_no_part_of_a_request(blank: Page) -> None:
    key = call(blank, "requestKey", SETTINGS)
    assert key == call(blank, "requestKey", SETTINGS | {"interventions": [OTHER, EDIT]})
    assert key == call(blank, "requestKey", dict(reversed(SETTINGS.items())))
    for name, value in (
        ("prompt", "b\n"),
        ("seed", 6),
        ("samples", 3),
        ("freeze_attention", True),
        ("chat", True),
    ):
        assert key != call(blank, "requestKey", SETTINGS | {name: value}), name
    assert key != call(
        blank, "requestKey", SETTINGS | {"interventions": [EDIT | {"value": 21}, OTHER]}
    )


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
    # no factor of nothing is something
    assert call(blank, "units.fromMultiple", "scale", 2, SILENT) is None
    assert call(blank, "units.fromShare", "scale", 0.5, SILENT) is None
    assert call(blank, "units.multiple", "add", 10, PLACE | {"q999": None}) is None
    assert call(blank, "units.share", "clamp", 10, PLACE | {"activation": None}) is None
    assert call(blank, "units.fromMultiple", "ablate", 1, PLACE) is None


def test_strengths_are_read_in_three_units(blank: Page) -> None:
    read = call(blank, "units.readStrengths", "2x, 40% 12 0.6× -1x 12", "add", PLACE)
    # 40 % = 10; 0.6x = 12, once
    assert read == {"values": [-20, 10, 12, 40], "wrong": [], "unknown": []}
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
    assert call(blank, "units.placeAt", strength, 1) == PLACE | {
        "token_act_max": 7.0,
        "token_firings": 3,
    }
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
def test_alignment(
    blank: Page, ids: list[int], baseline: list[int], first: int | None, partner: list[Any]
) -> None:
    assert call(blank, "alignTokens", ids, baseline) == {"first": first, "partner": partner}


def test_partners_are_equal_tokens_in_order(blank: Page) -> None:
    ids, baseline = [3, 1, 4, 1, 5, 9, 2, 6, 5, 3], [3, 1, 4, 4, 1, 9, 9, 6, 5, 8]
    aligned = call(blank, "alignTokens", ids, baseline)
    pairs = [(k, at) for k, at in enumerate(aligned["partner"]) if at is not None]
    assert all(ids[k] == baseline[at] for k, at in pairs)
    assert [at for _, at in pairs] == sorted({at for _, at in pairs})
    assert len(pairs) == 7  # 3 1 4 1 9 6 5


def test_frames_are_read_however_the_network_cuts_them(blank: Page) -> None:
    frames = blank.evaluate(
        """() => {
          const whole = 'event: token\\ndata: {"seq":0,"text":"莫"}\\n\\n'
            + 'event: final\\r\\ndata: {"seq":1}\\r\\n\\r\\n';
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
    assert (
        call(blank, "tokenWords", "baseline", [token], 0, None)
        == 'token 1: "a", 50.0 % in baseline; id 1'
    )
    assert call(blank, "tokenWords", "steered", [token], 0, [token]).endswith("50.0 % in baseline")
    assert 'the baseline wrote "b", 25.0 %' in call(
        blank, "tokenWords", "steered", [token], 0, [other]
    )
    assert "the baseline has ended" in call(blank, "tokenWords", "steered", [token], 0, [])
