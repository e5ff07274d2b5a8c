"""The cards of the top bar: what is known with where it was measured, and what nobody states."""

from typing import Any

import pytest
from dash import html

from app.parts.cards.model import linked, model_card
from app.parts.cards.saes import ROWS, saes_card
from app.parts.still import still
from backend.schemas import Capabilities
from backend.schemas.saes import Figure, SaeCard

WORDS = ("layer", "hook", "architecture", "width", "release", "release_id", "training")
WORDS += ("left_out", "corpus")


def card(sae_id: str, layer: int, **known: Any) -> SaeCard:
    """A card on which nothing but this is known."""
    blank = dict.fromkeys((*WORDS, *ROWS))
    flags: dict[str, Any] = {"live": True, "in_build": True, "unread": ""}
    flags |= {"tried": "checked", "warnings": [], "untried": ""}
    notice = {"model": "M", "licence": "", "origin": ""}
    return SaeCard.model_validate(
        {**blank, **flags, **notice, "sae_id": sae_id, "layer": layer, **known}
    )


def figure(value: float, measured: str) -> dict[str, Any]:
    return {"value": value, "measured": measured}


def words(tree: Any) -> list[str]:
    return (
        [str(tree)] if not isinstance(tree, list) else [w for one in tree[2:] for w in words(one)]
    )


def rows_of(cards: list[SaeCard]) -> dict[str, list[str]]:
    """Row's name -> its cells; a name is followed by its definition."""
    found: dict[str, list[str]] = {}

    def walk(node: Any) -> None:
        if isinstance(node, list) and node[0] == "tr" and node[2][0] == "th":
            name = words(node[2])[0]
            found[name] = [" ".join(words(cell)) for cell in node[3:]]
        elif isinstance(node, list):
            for child in node[2:]:
                walk(child)

    walk(still(saes_card(cards)).tree)
    return found


SHALLOW = card(
    "layer_1",
    1,
    width=1024,
    explained_variance=figure(0.9804, "training"),
    never_fires=figure(0, "build"),
    never_fires_share=figure(0.0, "build"),
    trained_tokens=figure(3106555, "training"),
    training="by hand",
)
DEEP = card("layer_9", 9, l0_published=figure(116.0, "published"), unread="There is no folder x.")


def test_a_figure_stands_under_its_sae_with_where_it_was_measured() -> None:
    rows = rows_of([SHALLOW, DEEP])
    assert rows["after layer"] == ["1", "9", ""]
    assert rows["width"] == ["1,024", "–", ""]
    assert rows["explained variance"] == ["0.980", "–", "in training"]
    assert rows["features that never fire"] == ["0", "–", "on this build"]
    assert rows["… share of all"] == ["0.0\u202f%", "–", "on this build"]
    assert rows["positions trained on"] == ["3,106,555", "–", "in training"]
    assert rows["L0 as published"] == ["–", "116.0", "as published"]


def test_what_nobody_states_is_named_and_takes_no_row() -> None:
    rows, said = rows_of([SHALLOW, DEEP]), words(still(saes_card([SHALLOW, DEEP])).tree)
    assert "L0" not in rows
    assert "recovered loss" not in rows
    (unknown,) = (one for one in said if one.startswith("Nobody states: "))
    assert "reconstruction score" in unknown
    assert "explained variance," not in unknown


def test_notes_name_the_saes_that_they_are_of_and_the_folder_that_is_missing() -> None:
    said = words(still(saes_card([SHALLOW, DEEP])).tree)
    assert "Trained (layer_1): by hand." in said
    assert "Of its training nothing is known (layer_9): There is no folder x." in said


def test_every_figure_of_the_wire_has_a_row_with_its_definition() -> None:
    wire = {name for name, one in SaeCard.model_fields.items() if one.annotation == Figure | None}
    assert set(ROWS) == wire
    full = card("layer_1", 1, **{name: figure(1, "build") for name in ROWS})
    said = words(still(saes_card([full])).tree)
    for name in ROWS:
        assert SaeCard.model_fields[name].description in said


def test_without_an_sae_the_card_says_so() -> None:
    assert words(still(saes_card([])).tree) == ["No SAE is loaded, and the build holds none."]


@pytest.mark.parametrize(
    ("text", "address", "href"),
    [
        ("found at ai.google.dev/gemma/terms", "ai.google.dev/gemma/terms", "https://{}"),
        ("see https://a.example/x-1/.", "https://a.example/x-1/", "{}"),
    ],
)
def test_an_address_in_a_notice_is_a_link_that_says_it(text: str, address: str, href: str) -> None:
    parts = linked(text)
    (link,) = (one for one in parts if isinstance(one, html.A))
    assert (link.children, link.href) == (address, href.format(address))
    assert "".join(one if isinstance(one, str) else one.children for one in parts) == text


def test_a_notice_without_an_address_has_no_link() -> None:
    text = (
        "google/gemma-3-270m in 4 bits (Q4_K_M, by llama.cpp), not bit for bit. See nothing/at all"
    )
    assert linked(text) == [text]


def test_the_model_without_its_weights_loaded_still_has_size_and_licence() -> None:
    can = Capabilities.model_construct(
        model="Gemma",
        origin="4 bits",
        licence="Terms at a.example/terms",
        n_parameters=268_098_176,
        model_info=None,
        live_detail="loading the model",
    )
    said = words(still(model_card(can)).tree)
    assert said == [
        *("Gemma", "weights", "4 bits", "licence", "Terms at ", "a.example/terms"),
        *("parameters", "268,098,176", "live", "loading the model"),
    ]


def test_what_does_not_fit_stands_on_the_card_and_what_is_still_tried_is_said() -> None:
    wrong = card("layer_1", 1, warnings=["SAE layer_1 explains 0.10."])
    said = words(still(saes_card([wrong, card("layer_5", 5, tried="checking")])).tree)
    assert "SAE layer_1 explains 0.10." in said
    assert any(one.startswith("Tried here (layer_5): not yet") for one in said)
    fine = card("layer_1", 1, explained_variance_here=figure(0.5, "here"))
    told = rows_of([fine])["explained variance here"]
    assert told == ["0.500", "here, on a short text"]
    unknown = next(one for one in words(still(saes_card([DEEP])).tree) if "Nobody" in one)
    assert " here" not in unknown
