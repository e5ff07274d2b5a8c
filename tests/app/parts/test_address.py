"""A page's settings, declared once: read, written, shown and refused by the same declaration."""

from __future__ import annotations

from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.links import page_url, parsed_query
from app.parts.address.kinds import (
    Choice,
    Offer,
    PageNumber,
    Several,
    Typed,
    choice,
    declare,
    layer,
)
from app.parts.address.settings import Settings
from backend.schemas.server import Opening

SAES: list[Any] = [SimpleNamespace(sae_id=f"l{n}", layer=n, grid=[n, n + 0.5]) for n in (1, 2, 3)]
CAN: Any = SimpleNamespace(opening=Opening(default_sae={"toy": "l3"}))


def thetas(offer: Offer) -> dict[str, str]:
    return {f"{theta:g}": f"θ {theta}" for theta in offer.sae.grid}  # type: ignore[attr-defined]


@dataclass(frozen=True)
class Toy(Settings):
    path: ClassVar = "/toy"
    beside: ClassVar = {"at": lambda at: "" if at.isdecimal() else f"at: got {at!r}"}

    sae: str = layer("toy")
    theta: float = choice("θ", thetas, 0.0, opens=lambda offer: offer.sae.grid[1])
    token_class: str = choice("Tokens", {"all": "all tokens", "f": "function"}, "all", name="class")
    lines: str = declare(Several("Lines", options={"a": "A", "b": "B"}), "a,b")
    q: str = declare(Typed("Search", hint="token"), "")
    page: int = declare(PageNumber(), 1)


def read(**asked: str) -> tuple[Toy, list[str]]:
    return Toy.read(asked, Offer(CAN, SAES))


def test_nothing_asked_is_what_the_page_opens_with() -> None:
    assert read() == (Toy("l3", 3.5, "all", "a,b", "", 1), [])
    assert read(sae="l1") == (Toy("l1", 1.5), [])  # what the build says of that SAE
    assert Toy.opening(Offer(CAN, SAES)) == {
        "path": "/toy",
        "defaults": {
            "sae": "l3",
            "theta": "3.5",
            "class": "all",
            "lines": "a,b",
            "q": "",
            "page": "1",
        },
        "beside": ["at"],
    }


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("sae", "l9", "sae: got 'l9', allowed are l1, l2, l3; showing l3"),
        ("theta", "1", "theta: got '1', allowed are 3, 3.5; showing 3.5"),
        ("class", "", "class: got '', allowed are all, f; showing all"),
        ("lines", "x,a,y", "lines: got x, y, allowed are a, b; showing all"),
        ("page", "01", "page: got '01', allowed is a number from 1"),
        ("page", "0", "page: got '0', allowed is a number from 1"),
        ("at", "x", "at: got 'x'"),
        ("token_class", "f", "token_class: this page has no such setting"),
    ],
)
def test_a_value_that_is_not_allowed_is_said_and_the_default_shown(
    name: str, value: str, said: str
) -> None:
    assert read(**{name: value}) == (read()[0], [said])


@given(
    st.sampled_from(SAES),
    st.integers(0, 1),
    st.sampled_from(["all", "f"]),
    st.sampled_from(["a", "b", "a,b"]),
    st.text(max_size=200),
    st.integers(1, 999_999),
)
def test_state_to_link_to_state_is_the_identity(
    sae: Any, place: int, token_class: str, lines: str, q: str, page: int
) -> None:
    state = Toy(sae.sae_id, sae.grid[place], token_class, lines, q, page)
    query = state.as_query()
    assert Toy.of(query) == state
    if q.isprintable():  # others cannot stand in an address as they are
        address = parsed_query(page_url("/toy", **query).partition("?")[2])
        assert Toy.read(address, Offer(CAN, SAES)) == (state, [])


def test_the_bar_has_a_control_for_each_setting_but_those_shown_elsewhere() -> None:
    bar = read(sae="l2")[0].bar(Offer(CAN, SAES))
    assert [group.children[1] for group in bar]
    named = [getattr(group, "data-fs-setting", None) for group in bar]
    assert named == ["sae", "theta", "class", None, None]  # these alone hold one value
    assert [one["value"] for one in bar[1].children[1].data] == ["2", "2.5"]
    assert [prop for _, prop in Toy.controls()] == ["value"] * 5 + ["data"]


def test_what_is_offered_may_be_fixed() -> None:
    assert Choice("x", options={"a": "A"}).offered(None) == {"a": "A"}


def test_a_text_in_an_address_stays_as_it_is() -> None:
    assert page_url("/features", q="2.0", theta=2.0, n=3) == "/features?q=2.0&theta=2&n=3"
