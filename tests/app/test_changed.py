"""A page is told what it does not show yet, and nothing twice."""

from __future__ import annotations

import json
from typing import Any

import plotly.graph_objects as go
from dash import no_update

from app.changed import only_changed
from app.parts.still import still


def told(*values: Any, held: Any = None) -> tuple[list[bool], Any]:
    """Which of the values are told, and the digests as the browser sends them back."""
    *said, digests = only_changed(values, held)
    assert all(one is no_update or one is value for one, value in zip(said, values, strict=True))
    return [one is not no_update for one in said], json.loads(json.dumps(digests))


def figure(y: float) -> go.Figure:
    return go.Figure(layout={"title": "a"}).add_scatter(x=[1, 2], y=[1.0, y])


def test_only_what_differs_is_told() -> None:
    first, held = told(figure(2), still("words"), [{"id": 1}], None)
    assert first == [True] * 4
    again, _ = told(figure(2), still("words"), [{"id": 1}], None, held=held)
    assert again == [False] * 4
    other, later = told(figure(3), still("words"), [{"id": 2}], None, held=held)
    assert other == [True, False, True, False]
    # what was told in between is what the page shows
    back, _ = told(figure(2), still("words"), [{"id": 2}], None, held=later)
    assert back == [True, False, False, False]


def test_a_page_of_another_version_is_told_everything() -> None:
    _, held = told("a", "b")
    assert told("a", "b", "c", held=held)[0] == [True] * 3
