"""What the list of presets holds. It is written into the pages where they are made: no endpoint."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class PresetChoice:
    """A preset as its row in the list says it."""

    name: str
    title: str
    words: str  # what it is, in a few
    base: str  # what stands before its paths; empty for the default
    remedy: str = ""  # the command that makes it ready; empty where it is
