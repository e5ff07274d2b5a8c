"""Companions: written whole, followed when replaced, refused beside another build."""

from pathlib import Path

import pyarrow as pa
import pytest

from backend.core.companions.file import Companion, companion_path, write_companion
from backend.core.store import StoreInvalid, StoreMissing

SCHEMA = "CREATE TABLE point (x INTEGER NOT NULL)"


class Points(Companion):
    version = 3
    remedy = "make it again"

    def xs(self) -> list[int]:
        return [x for (x,) in self.query("SELECT x FROM point WHERE x > ? ORDER BY x", [0])]


def written(path: Path, *xs: int, build: str | None = "aa", version: int = 3) -> Points:
    write_companion(path, SCHEMA, version, {"point": pa.table({"x": list(xs)})}, {"build": build})
    return Points(path)


def test_reads_what_was_written_and_follows_the_file(tmp_path: Path) -> None:
    path = companion_path(tmp_path / "lab.duckdb", "statistics")
    assert path.name == "lab.statistics.duckdb"
    points = written(path, 1, 2)
    assert points.xs() == [1, 2]
    written(path, 5)
    assert points.xs() == [5]


def test_another_build_is_refused(tmp_path: Path) -> None:
    points = written(tmp_path / "a.duckdb", 1)
    points.require("aa")
    with pytest.raises(StoreInvalid, match="computed from build aa, not bb: make it again"):
        points.require("bb")
    written(tmp_path / "b.duckdb", 1, build=None).require("bb")


def test_missing_damaged_and_other_versions_name_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(StoreMissing, match="make it again"):
        Points(tmp_path / "none.duckdb").xs()
    (tmp_path / "bad.duckdb").write_bytes(b"x" * 5000)
    with pytest.raises(StoreInvalid, match="bad.duckdb is not a whole result file"):
        Points(tmp_path / "bad.duckdb").xs()
    with pytest.raises(StoreInvalid, match="schema version 2"):
        written(tmp_path / "old.duckdb", 1, version=2).xs()


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "a.duckdb"
    points = written(path, 1)
    with pytest.raises(Exception, match="untouched"):
        write_companion(path, SCHEMA, 3, {"no_such_table": pa.table({"x": [1]})}, {"build": "aa"})
    assert points.xs() == [1]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.duckdb"]
