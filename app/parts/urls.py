"""Addresses of features, tokens and texts on other pages. Pure."""

from __future__ import annotations

from urllib.parse import quote

from app.base import at
from app.links import page_url
from backend.schemas import Example

PROMPT_TOKENS = 40  # of an example, taken along to another page


def token_url(token_id: int, sae_id: str | None = None) -> str:
    return page_url(f"/token/{token_id}", sae=sae_id)


def feature_url(sae_id: str, feature_index: int) -> str:
    return at(f"/feature/{quote(sae_id, safe='')}/{feature_index}")


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
        "/reactivation",
        prompt=prompt_of(example),
        prefix="",  # a text, and no question behind examples
        sae=sae_id,
        pins=f"{sae_id}:{feature_index}",
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
