"""People's own labels as files."""

from __future__ import annotations

from app.parts.components import LiveComponent


class LabelFiles(LiveComponent):
    """Links that save the labels, and a button that reads a file of them."""

    _type = "LabelFiles"
