"""Parts of a page that no callback listens to, as one Dash component.

Dash's renderer goes through every component of a page whenever one changes: a table of a thousand
chips held the browser for seconds. Sent as one value and drawn by static/js/shared/still.js, the
same elements cost it nothing.
"""

from __future__ import annotations

from typing import Any

from dash import dcc
from dash.development.base_component import Component

from app.parts.components import LiveComponent
from app.parts.panel import Children

HTML = "dash_html_components"


class Still(LiveComponent):
    """tree: a string, or [tag, attributes, *children];
    "" for no element of its own, "Link" for a dcc.Link.
    """

    _type = "Still"
    _props = ("tree",)


def still(content: Children) -> Still:
    """What html components and links say, drawn in one go.

    TypeError for a component that does more than stand.
    """
    return Still(
        tree=_tree(list(content) if isinstance(content, list | tuple) else [content], ["", {}])
    )


def _tree(children: list[Any], start: list[Any]) -> list[Any]:
    return [*start, *(_node(child) for child in _flat(children))]


def _flat(children: Any) -> list[Any]:
    """The children of a component, None left out; lists in lists are opened."""
    if children is None:
        return []
    if isinstance(children, list | tuple):
        return [one for child in children for one in _flat(child)]
    return [children]


def _node(child: Any) -> Any:
    if not isinstance(child, Component):
        return child
    props = dict(child.to_plotly_json()["props"])
    children = props.pop("children", None)
    if isinstance(child, Still):
        return child.to_plotly_json()["props"]["tree"]
    if isinstance(child, dcc.Link):
        return _tree([children], ["Link", props])
    if child._namespace != HTML or "n_clicks" in props:
        raise TypeError(
            f"{type(child).__name__} does not stand still: put it beside still(…), not into it."
        )
    return _tree([children], [child._type.lower(), props])
