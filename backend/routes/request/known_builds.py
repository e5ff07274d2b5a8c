"""Builds that this server has served: remembered beside the runs, and compared entry by entry."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from backend.core.runs import RunsUnavailable
from backend.routes.request.served import Backend
from backend.schemas import Difference

SHOWN = 120  # characters of a value


def remember(served: Backend) -> None:
    """Keep what the served build says of itself;
    once a build, and never in the way of an answer.
    """
    store = served.build.get()
    identity = served.build.identity()
    if store is None or identity is None or identity in served.known.builds:
        return
    try:
        served.runs.remember_build(identity, store.provenance())
    except RunsUnavailable:
        return  # said by /api/health
    served.known.builds.add(identity)


def differences(here: Mapping[str, Any], there: Mapping[str, Any]) -> list[Difference]:
    """Entries of two builds' provenance that differ, by name;
    when a build was made always differs and is last.
    """
    mine, theirs = dict(_flat(here)), dict(_flat(there))
    names = sorted(mine.keys() | theirs.keys(), key=lambda name: (name == "created_at", name))
    return [
        Difference(name=name, here=mine.get(name), there=theirs.get(name))
        for name in names
        if mine.get(name) != theirs.get(name)
    ]


def _flat(values: Any, prefix: str = "") -> Iterator[tuple[str, str]]:
    """`{"a": {"b": [1, 2]}}` -> ("a.b.0", "1"), ("a.b.1", "2");
    entries of a list go by their own name, if any.
    """
    if isinstance(values, Mapping):
        pairs = [(str(key), value) for key, value in values.items()]
    elif isinstance(values, list):
        pairs = [(_name(value, place), value) for place, value in enumerate(values)]
    else:
        yield prefix, json.dumps(values, ensure_ascii=False)[:SHOWN]
        return
    for key, value in pairs:
        yield from _flat(value, f"{prefix}.{key}" if prefix else key)


def _name(value: Any, place: int) -> str:
    named = isinstance(value, Mapping) and (value.get("sae_id") or value.get("name"))
    return str(named or place)
