"""How the matrices of a recorded prompt stand in its address: one view per SAE. Pure.

The first SAE's settings are named as on Reactivation (`order`, `at`, `pins`, `class` …), those of
the others with their place behind a dot (`order.1`).
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain

from app.parts.controls import not_known
from app.parts.matrix import SETTINGS, complaints_of

VIEWED = ("at", "source", "pins", *(name for name, asked in SETTINGS.items() if asked.view))


def at_place(query: Mapping[str, str], place: int) -> dict[str, str]:
    """The settings of one SAE's matrix, under their plain names."""
    ending = f".{place}" if place else ""
    return {name: query[name + ending] for name in VIEWED if name + ending in query}


def complaints(query: Mapping[str, str], n_saes: int) -> list[str]:
    """What the address asks for that the page does not have."""
    known = {name + (f".{place}" if place else "") for place in range(n_saes) for name in VIEWED}
    places = [complaints_of(at_place(query, place), (), 0) for place in range(n_saes)]
    return [*not_known(query, known), *chain.from_iterable(places)]
