"""Addresses and phrases that the Token, Feature and Features pages share. Pure."""

from __future__ import annotations

from urllib.parse import quote

from app.links import page_url
from app.parts.numbers import NARROW
from backend.schemas import Example, Lift

PROMPT_TOKENS = 40  # of an example, taken along to another page


def token_url(token_id: int, sae_id: str | None = None) -> str:
    return page_url(f"/token/{token_id}", sae=sae_id)


def feature_url(sae_id: str, feature_index: int) -> str:
    return f"/feature/{quote(sae_id, safe='')}/{feature_index}"


def feature_api(sae_id: str, feature_index: int) -> str:
    """Path of the feature's endpoint."""
    return f"/api/features/{quote(sae_id, safe='')}/{feature_index}"


def search_url(sae_id: str, **state: str | int | float | None) -> str:
    """The Features page with these settings; see feature_search_state."""
    return page_url("/features", sae=sae_id, **state)


def steer_url(sae_id: str, feature_index: int) -> str:
    """Steering with the feature in the socket of the last function token, at its usual strength."""
    return page_url("/steer", f=f"{sae_id}:{feature_index}")


def watch_url(sae_id: str, feature_index: int, example: Example | None) -> str:
    """Reactivation with the feature pinned, on the text in which it is known to fire."""
    return page_url(
        "/reactivation", prompt=prompt_of(example), sae=sae_id, pins=f"{sae_id}:{feature_index}"
    )


def prompt_of(example: Example | None) -> str | None:
    """The text up to the strongest firing, as far back as it can be typed;
    None where not even that token can.

    A token may be a part of a character, shown as U+FFFD: the prompt begins after the last of
    those.
    """
    if example is None:
        return None
    start = example.position + 1
    while start > max(0, example.position + 1 - PROMPT_TOKENS):
        before = example.tokens[start - 1]
        if before.token_class == "special" or "\ufffd" in before.text:
            break
        start -= 1
    return "".join(one.text for one in example.tokens[start : example.position + 1]) or None


def share(value: float) -> str:
    """A share in per cent, with as many digits as it takes to be more than nothing."""
    per_cent = 100 * value
    if per_cent == 0 or per_cent >= 10:
        return f"{per_cent:.0f}{NARROW}%"
    if per_cent >= 0.095:
        return f"{per_cent:.1f}{NARROW}%"
    return f"{per_cent:.2g}{NARROW}%" if per_cent >= 0.001 else f"<{NARROW}0.001{NARROW}%"


def one_in(density: float) -> str:
    """A density as `one position in 69`."""
    if density <= 0:
        return "no position of the corpus"
    return (
        "every position"
        if density >= 1
        else f"one position in {1 / density:,.3g}".replace("e+0", "e")
    )


def number(value: float) -> str:
    """Three digits, thousands apart."""
    if value == 0:
        return "0"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def times(value: float | None) -> str:
    """A ratio: `5.2×`, `∞` for null."""
    return "∞" if value is None else f"{number(value)}×"


def lift_words(lift: Lift) -> str:
    """The lift with its interval: `5.2× [4.8, 5.6]`."""
    high = "∞" if lift.high is None else number(lift.high)
    return f"{times(lift.lift)} [{number(lift.low)},{NARROW}{high}]"


def side(lift: Lift) -> str:
    """ "function", "content" or "" by whether the whole interval lies on one side of 1."""
    if lift.low > 1:
        return "function"
    return "content" if lift.high is not None and lift.high < 1 else ""
