"""Results into the companion `experiments`: those of one name are replaced, all others stay."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa

from backend.core.companions.experiments.store import (
    SCHEMA,
    SCHEMA_VERSION,
    TABLES,
    ExperimentsStore,
)
from backend.core.companions.file import write_companion
from backend.core.store import StoreInvalid, StoreMissing
from backend.core.tasks import Tasks
from precompute.building.provenance import code_version
from precompute.experiments.result import RESAMPLES, Result

INTERVALS = {
    "level": 0.95,
    "means": f"percentile bootstrap over prompts, {RESAMPLES}",
    "shares": "Wilson",
}
_MERGED = ("prompt_sets", "made")  # provenance that has an entry per experiment


def tables(results: Sequence[Result]) -> dict[str, list[dict[str, Any]]]:
    """Rows of experiments by table of the companion's schema.sql."""
    made: dict[str, list[dict[str, Any]]] = {name: [] for name in TABLES}
    for result in results:
        key = {"experiment": result.experiment}
        made["arm"] += [key | {"arm": arm, "sentence": words} for arm, words in result.arm.items()]
        made["finding"] += [key | {"sentence": words} for words in result.finding]
        made["outcome"] += [
            key | {"outcome": name, "unit": unit, "sentence": words}
            for name, (unit, words) in result.outcome.items()
        ]
        for name in ("estimate", "prompt_value", "prompt", "answer", "task", "place", "trial"):
            made[name] += [key | row for row in getattr(result, name)]
    return made


def task_rows(tasks: Sequence[Tasks]) -> list[dict[str, Any]]:
    """Rows of the table task, for a Result."""
    return [
        {"task": one.name, "title": one.title, "noun": one.noun, "sha256": one.sha256}
        for one in tasks
    ]


def stated(experiment: str, prompts: str, settings: dict[str, Any]) -> dict[str, Any]:
    """What one experiment's provenance says: its prompts in words, its settings, the code."""
    return {
        "prompt_sets": {experiment: prompts},
        "made": {experiment: settings | {"code": code_version()}},
        "intervals": INTERVALS,
    }


def publish(path: Path, results: Sequence[Result], build: str, provenance: dict[str, Any]) -> None:
    """Write the file anew, atomically. What lies there from another build is dropped, and said so.

    build: its identity. provenance: as `stated` gives it; entries of other experiments stay.
    """
    older, known = _kept(path, build, {result.experiment for result in results})
    rows = tables(results)
    merged = {
        name: pa.Table.from_pylist(older[name] + rows[name])
        for name in TABLES
        if older[name] or rows[name]
    }
    joined = known | provenance | {"build": build}
    for name in _MERGED:
        joined[name] = known.get(name, {}) | provenance.get(name, {})
    write_companion(path, SCHEMA.read_text("utf-8"), SCHEMA_VERSION, merged, joined)
    print(f"published {path} ({path.stat().st_size / 1e6:.2f} MB)")


def _kept(
    path: Path, build: str, replaced: set[str]
) -> tuple[dict[str, list[dict[str, Any]]], dict[str, Any]]:
    """(rows of the other experiments by table, provenance) of what is there for this build."""
    nothing: dict[str, list[dict[str, Any]]] = {name: [] for name in TABLES}
    store = ExperimentsStore(path)
    try:
        store.require(build)
    except StoreMissing:
        return nothing, {}
    except StoreInvalid as error:
        print(f"what was there is not kept: {error}")
        return nothing, {}
    found = {
        name: [row for row in store.rows(name) if row["experiment"] not in replaced]
        for name in TABLES
    }
    return found, {
        key: value for key, value in store.provenance().items() if key != "schema_version"
    }
