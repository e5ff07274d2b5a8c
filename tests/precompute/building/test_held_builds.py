"""A file that a writer holds open: said so, by every reader, and read again once the writer has let
go.
"""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pytest

from backend.cli import main as functionscope
from backend.core.companions.file import write_companion
from backend.core.store import Store, StoreHeld
from precompute.cli import main
from tests.core.companions.test_file import SCHEMA, Points
from tests.precompute.conftest import Made

HOLD = """
import duckdb, sys
held = duckdb.connect(sys.argv[1])
print("held", flush=True)
sys.stdin.read()
"""


@contextmanager
def writer_on(path: Path) -> Iterator[int]:
    """Another process that may write to the DuckDB file; its process id."""
    command = [sys.executable, "-c", HOLD, str(path)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdin is not None
        assert holder.stdout.readline() == "held\n"
        yield holder.pid
        holder.stdin.close()


def test_a_build_that_another_program_writes_to_is_not_called_damaged(
    made: Made, tmp_path: Path, capsys: Any
) -> None:
    path = tmp_path / "b.duckdb"
    shutil.copy(made.out, path)
    with writer_on(path) as pid:
        with pytest.raises(
            StoreHeld, match=rf"b\.duckdb is held open by .* \(PID {pid}\): end it"
        ) as raised:
            Store.open(path)
        assert "make one" not in str(raised.value)
        assert (
            functionscope(["export", "tokens", str(tmp_path / "t.csv"), "--build", str(path)]) == 2
        )
        assert f"(PID {pid})" in capsys.readouterr().err
    assert len(Store.open(path).saes()) == 2


def test_a_build_that_this_program_writes_to_is_not_called_damaged(
    made: Made, tmp_path: Path
) -> None:
    path = tmp_path / "b.duckdb"
    shutil.copy(made.out, path)
    with duckdb.connect(str(path)), pytest.raises(StoreHeld, match="may write to it"):
        Store.open(path)
    Store.open(path).close()


def test_result_files_say_the_same(tmp_path: Path) -> None:
    path = tmp_path / "a.duckdb"
    write_companion(path, SCHEMA, Points.version, {"point": pa.table({"x": [1]})}, {"build": None})
    points = Points(path)
    with writer_on(path) as pid, pytest.raises(StoreHeld, match=rf"\(PID {pid}\)"):
        points.xs()
    assert points.xs() == [1]


def test_a_job_on_a_held_build_ends_in_one_sentence(
    made: Made, tmp_path: Path, capsys: Any
) -> None:
    path = tmp_path / "b.duckdb"
    shutil.copy(made.out, path)
    with writer_on(path) as pid:
        assert main(["statistics", "--build", str(path), "--work", str(made.work)]) == 2
        assert f"(PID {pid})" in capsys.readouterr().err
