"""Parts without callbacks as one value: nothing is lost, and nothing that must answer gets in."""

import json

import pytest
from dash import dcc, html

from app.parts.still import still


def test_elements_become_tags_with_their_attributes_and_children() -> None:
    made = still(
        [html.P(["a ", html.B("b"), None, [3, html.Br()]], className="x", **{"data-n": "1"}), "<i>"]
    )
    assert made.tree == [
        "",
        {},
        ["p", {"className": "x", "data-n": "1"}, "a ", ["b", {}, "b"], 3, ["br", {}]],
        "<i>",
    ]
    assert json.loads(json.dumps(made.tree)) == made.tree


def test_links_stay_links_and_a_still_within_is_opened() -> None:
    made = still(html.Div([dcc.Link("there", href="/claims"), still("here")]))
    assert made.tree == [
        "",
        {},
        ["div", {}, ["Link", {"href": "/claims"}, "there"], ["", {}, "here"]],
    ]
    assert still(None).tree == ["", {}]


@pytest.mark.parametrize("moving", [dcc.Store(id="s"), html.Button("press", id="b", n_clicks=0)])
def test_what_callbacks_listen_to_is_refused(moving: object) -> None:
    with pytest.raises(TypeError, match="does not stand still"):
        still(html.Div([moving]))
