"""Killing the jobs and starting them again gives the same tables."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from backend.core.companions.consolidation.store import SCHEMA, ConsolidationStore

KILLS = 7


def tables_of(path: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Every table's rows, in order."""
    store = ConsolidationStore(path)
    names = [
        line.split()[2]
        for line in SCHEMA.read_text("utf-8").splitlines()
        if line.startswith("CREATE TABLE")
    ]
    return {name: store.query(f"SELECT * FROM {name} ORDER BY rowid") for name in names}


@pytest.mark.skipif(
    importlib.util.find_spec("sae_lens") is None, reason="sae-lens is not installed"
)
def test_kill_and_start_again_gives_the_same_tables(tmp_path: Path) -> None:
    finished = subprocess.run(
        [
            sys.executable,
            "-m",
            "tests.precompute.consolidation.kill_consolidation",
            str(tmp_path),
            str(KILLS),
        ],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )
    assert finished.returncode == 0, finished.stderr[-2000:]
    kills = [
        json.loads(line) for line in finished.stdout.splitlines() if line.startswith('{"killed"')
    ]
    assert sum(kill["killed"] for kill in kills) >= 5
    assert len({kill["finished"] for kill in kills}) >= 4  # at different points of the work
    whole, killed = tables_of(tmp_path / "whole.duckdb"), tables_of(tmp_path / "killed.duckdb")
    assert whole.keys() == killed.keys()
    for name, rows in whole.items():
        assert rows, f"table {name} is empty"
        assert rows == killed[name], name
