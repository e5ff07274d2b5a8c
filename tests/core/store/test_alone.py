"""A build is its own file: no log beside it is applied, and DuckDB asks nobody for anything."""

import re
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from backend.core.companions.file import Companion, write_companion
from backend.core.duckdb_memory import ALONE, in_memory
from backend.core.presets import load_preset
from backend.core.store import Store, StoreInvalid
from backend.core.store.base import StoreHeld

SCHEMA = "CREATE TABLE number (n INTEGER)"
LEFT = (
    "import duckdb, os, sys\n"
    "c = duckdb.connect(sys.argv[1])\n"
    "c.execute('PRAGMA disable_checkpoint_on_shutdown')\n"
    "c.execute(sys.argv[2])\n"
    "os._exit(0)\n"
)


class Numbers(Companion):
    version, remedy = 1, "make it again"


@pytest.fixture
def build(tmp_path: Path) -> Path:
    """A copy of the shipped build."""
    return Path(shutil.copy(load_preset("lab").build, tmp_path / "b.duckdb"))


def leave_log(path: Path, statement: str) -> Path:
    """What a program leaves beside a file that it changed, killed before it had finished."""
    before = path.read_bytes()
    subprocess.run([sys.executable, "-c", LEFT, str(path), statement], check=True)
    assert path.read_bytes() == before
    log = path.with_name(path.name + ".wal")
    assert log.stat().st_size > 0
    return log


def test_a_build_with_a_log_beside_it_is_refused_and_read_once_it_is_gone(
    build: Path,
) -> None:
    whole = Store.open(build).saes()
    log = leave_log(build, "DELETE FROM sae")
    for _ in range(2):
        with pytest.raises(StoreHeld, match=re.escape(f"{log} lies beside b.duckdb")):
            Store.open(build)
    log.unlink()
    assert Store.open(build).saes() == whole


def test_a_store_that_is_open_does_not_read_a_log_that_comes(
    build: Path,
) -> None:
    store = Store.open(build)
    whole = store.saes()
    leave_log(build, "DELETE FROM sae")
    assert store.saes() == whole


def test_results_beside_a_build_are_no_different(tmp_path: Path) -> None:
    path = tmp_path / "b.numbers.duckdb"
    write_companion(path, SCHEMA, 1, {}, {"build": None})
    assert Numbers(path).query("SELECT count(*) FROM number") == [(0,)]
    log = leave_log(path, "INSERT INTO number VALUES (1)")
    with pytest.raises(StoreHeld, match=re.escape(str(log))):
        Numbers(path).query("SELECT count(*) FROM number")


@pytest.mark.parametrize("kind", ["sqlite", "parquet", "csv", "short", "empty"])
def test_a_file_of_another_kind_is_said_to_be_one(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "runs.duckdb"
    content = {
        "parquet": b"PAR1" + b"\0" * 99,
        "csv": b"a,b\n1,2\n",
        "short": b"DUCK",
        "empty": b"",
    }
    if kind == "sqlite":
        with sqlite3.connect(path) as connection:
            connection.execute("CREATE TABLE t (a)")
        connection.close()
    else:
        path.write_bytes(content[kind])
    said = "it is a SQLite file" if kind == "sqlite" else "it is no DuckDB file"
    with pytest.raises(StoreInvalid, match=said) as refused:
        Store.open(path)
    assert "xtension" not in str(refused.value)
    with pytest.raises(StoreInvalid, match=said):
        Numbers(path).provenance()


def test_no_connection_fetches_or_loads_an_extension() -> None:
    with in_memory(threads=1) as connection:
        for name in ALONE:
            found = connection.execute(f"SELECT current_setting('{name}')").fetchall()
            assert str(found[0][0]).lower() == "false", name


def test_every_connection_of_the_product_is_made_so() -> None:
    root = Path(__file__).parents[3]
    made = {
        path.relative_to(root).as_posix()
        for package in ("app", "backend", "precompute")
        for path in (root / package).rglob("*.py")
        if re.search(r"duckdb\.connect\(", path.read_text("utf-8"))
    }
    assert made == {"backend/core/duckdb_memory.py"}
