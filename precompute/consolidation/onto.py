"""`consolidation publish --onto FILE`:
the runs of WORK, added to a file that holds other runs of the same text.

A run is known by model and seed; one that both hold is WORK's alone. Everything that is not a run's
own (the held-out text, classes, cells, sentences) must be the same, or the file is refused.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa

from backend.core.companions.consolidation.store import ConsolidationStore
from precompute.consolidation.tables import Tables
from precompute.job import BadInput

SHARED = ("band", "cut", "cell", "position_cell", "view", "sentence", "rank_point", "sample_kind")
OF_RUNS = ("loss", "sae", "prediction", "continuation", "stage")
Row = dict[str, Any]


def put_onto(path: Path, tables: Tables, provenance: Row) -> tuple[Tables, Row]:
    """Tables and provenance of both; BadInput where the two cannot stand in one file.

    Raises StoreMissing or StoreInvalid where `path` cannot be read.
    """
    store = ConsolidationStore(path)
    before = store.provenance()
    _same_text(path, before["held_out"], provenance["held_out"])
    old, new = (
        {name: rows.to_pylist() for name, rows in one.items()} for one in (_read(store), tables)
    )
    for name in SHARED:
        if name in old and name in new and old[name] != new[name]:
            raise BadInput(
                f"{path} has another table {name} than these runs: publish to a file of their own."
            )
    runs, renumbered = _joined_runs(old["run"], new["run"])
    joined = old | new | {"run": runs}
    for name in OF_RUNS:
        of_old = [
            row | {"run": renumbered[row["run"]]}
            for row in old.get(name, [])
            if _stays(row, old, new)
        ]
        of_new = [
            row | {"run": _place(new["run"][row["run"]], runs)}
            for row in new.get(name, [])
            if _of_run(row)
        ]
        joined[name] = [row for row in new.get(name, []) if not _of_run(row)] + of_old + of_new
    joined["token"] = list(
        {row["token_id"]: row for row in old.get("token", []) + new.get("token", [])}.values()
    )
    made = {name: pa.Table.from_pylist(rows) for name, rows in joined.items() if rows}
    return made, _joined_provenance(before, provenance)


def _read(store: ConsolidationStore) -> Tables:
    """Every table that has rows."""
    made = {}
    for name in (*SHARED, *OF_RUNS, "run", "token"):
        columns = [str(row[0]) for row in store.query(f"DESCRIBE {name}")]
        rows = store.query(f"SELECT * FROM {name}")
        if rows:
            made[name] = pa.Table.from_pylist(
                [dict(zip(columns, row, strict=True)) for row in rows]
            )
    return made


def _same_text(path: Path, before: Row, now: Row) -> None:
    for key, said in (
        ("sha256", "held-out text"),
        ("counts", "counts behind the classes"),
        ("arithmetic", "arithmetic"),
    ):
        if before[key] != now[key]:
            raise BadInput(
                f"{path} was made with another {said} ({before[key]}) than these runs "
                f"({now[key]}): make the runs' results again with that one, or publish them to a "
                "file of their own."
            )


def _of_run(row: Row) -> bool:
    """False for a baseline, which has no run."""
    return row["run"] is not None


def _name(run: Row) -> tuple[str, int]:
    return run["model"], run["seed"]


def _place(run: Row, runs: list[Row]) -> int:
    return [_name(one) for one in runs].index(_name(run))


def _stays(row: Row, old: dict[str, list[Row]], new: dict[str, list[Row]]) -> bool:
    return _of_run(row) and _name(old["run"][row["run"]]) not in {_name(run) for run in new["run"]}


def _joined_runs(old: list[Row], new: list[Row]) -> tuple[list[Row], dict[int, int]]:
    """All runs, ordered by model and seed and numbered anew; and the new number of each old one."""
    by_name = {_name(run): run for run in old + new}
    runs = [by_name[name] | {"run": i} for i, name in enumerate(sorted(by_name))]
    return runs, {run["run"]: _place(run, runs) for run in old}


def _joined_provenance(before: Row, now: Row) -> Row:
    runs = {(run["model"], run["seed"]): run for run in before["runs"] + now["runs"]}
    kept = {} if now["features"]["n_positions"] else {"features": before["features"]}
    return now | kept | {"runs": [runs[name] for name in sorted(runs)]}
