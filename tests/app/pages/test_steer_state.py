"""The Steering page's address: settings, passes and the sections below."""

from typing import Any

import pytest

from app.pages.steer import sections as steer_sections
from app.pages.steer import state as steer_state
from app.parts import steering
from backend import schemas as wire

LIMITS = wire.Limits.model_construct(max_new_tokens=128, temperature=5.0, samples=8)
BODY: dict[str, Any] = {
    "prompt": "a",
    "temperature": 0.8,
    "samples": 0,
    "max_new_tokens": 8,
    "seed": 3,
}


def test_without_an_address_one_greedy_text() -> None:
    assert steer_state.settings({}, LIMITS) == {
        "tokens": 24,
        "temperature": 0.8,
        "samples": 0,
        "seed": 0,
        "controls": True,
        "generated": False,
        "freeze": False,
        "chat": False,
    }


@pytest.mark.parametrize(
    ("query", "samples"),
    [
        ({"temperature": "1"}, 1),
        ({"temperature": "1", "samples": "3"}, 3),
        ({"temperature": "0"}, 0),
        ({"samples": "2"}, 2),
    ],
)
def test_a_temperature_alone_means_one_sample(query: dict[str, str], samples: int) -> None:
    """Addresses of single sampled texts name a temperature only."""
    assert steer_state.settings(query, LIMITS)["samples"] == samples


@pytest.mark.parametrize(
    ("name", "value"), [("temperature", "6"), ("samples", "9"), ("tokens", "0"), ("seed", "-1")]
)
def test_a_number_out_of_range_is_refused_in_words(name: str, value: str) -> None:
    with pytest.raises(steering.BadAddress, match=f"{name}: got '{value}', allowed is"):
        steer_state.settings({name: value}, LIMITS)


def test_passes_are_greedy_and_then_sampled() -> None:
    greedy = BODY | {"temperature": 0.0, "samples": 1}
    assert steer_state.passes(BODY) == [greedy]
    assert steer_state.passes(BODY | {"samples": 2}) == [greedy, BODY | {"samples": 2}]
    assert steer_state.passes(BODY | {"samples": 2, "temperature": 0.0}) == [greedy]


def test_sections_take_what_the_address_says_and_nothing_else() -> None:
    sweep, traits, own = steer_sections.opened(
        {"open_sweep": "1", "at": "function", "prompt": "a", "trait": "Hi?"}
    )
    assert sweep == steer_sections.SWEEP | {"open_sweep": "1", "at": "function"}
    assert traits == steer_sections.TRAITS | {"trait": "Hi?"}
    assert own == steer_sections.SET


def test_the_default_search_tests_on_other_prompts_than_it_chooses_on() -> None:
    contrast, test = (
        set(steer_sections.TRAITS[name].splitlines()) for name in ("contrast", "test")
    )
    assert contrast.isdisjoint(test)
    assert len(contrast) == len(test) == 10


@pytest.mark.parametrize(
    ("stops", "text"),
    [
        (["\n"], "\\n"),
        (["\n\n", "Q:"], "\\n\\n | Q:"),
        (["a\\b", "x | y"], "a\\\\b | x \\| y"),
        ([], ""),
    ],
)
def test_stops_are_written_and_read_back(stops: list[str], text: str) -> None:
    """As the browser does: tests/js/prefix.test.js."""
    assert steering.written_stops(stops) == text
    assert steering.read_stops(text) == stops
