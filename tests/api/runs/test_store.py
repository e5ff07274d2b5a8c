"""The store of runs itself: older stores stay readable, newer ones are left alone,
whoever made a run may remove it.
"""

import json
import os
import shutil
import sqlite3
import threading
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb
import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateTable

from backend.core.runs import RunStore, RunsUnavailable, WrongDeleteToken
from backend.core.runs.schema import BUILD, RUN, STORE, VERSION, version_of
from backend.settings import Settings
from tests.api.conftest import PROMPT, Serve, steer_body
from tests.api.request.test_problems import problem

# As version 1 of this program made it, word for word.
VERSION_1 = """
CREATE TABLE run (
    run_id VARCHAR(20) NOT NULL, kind VARCHAR NOT NULL, request BLOB NOT NULL, result BLOB NOT NULL,
    provenance BLOB NOT NULL, title VARCHAR, note VARCHAR, recorded_at VARCHAR NOT NULL,
    PRIMARY KEY (run_id)
)
"""
OLD_ID = "0123456789abcdef0123"
OLD_RESULT = {"tokens": [], "kl": 0.25}


def old_store(path: Path) -> Path:
    """A store as version 1 left it, with one run in it."""
    packed = [
        zlib.compress(json.dumps(value).encode())
        for value in ({"prompt": "old"}, OLD_RESULT, {"model": "m"})
    ]
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute(VERSION_1)
        row = (OLD_ID, "steer", *packed, "Old", None, "2026-01-01T00:00:00+00:00")
        connection.execute("INSERT INTO run VALUES (?, ?, ?, ?, ?, ?, ?, ?)", row)
    connection.close()
    return path


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[RunStore]:
    made = RunStore(tmp_path / "runs.sqlite")
    yield made
    made.close()


def test_a_store_that_cannot_be_opened_names_its_own_variable_and_no_password(
    tmp_path: Path,
) -> None:
    """A URL is set by another variable than a file, and a password may stand in its query too."""
    missing = tmp_path / "no" / "such" / "runs.sqlite"
    assert "s3cretpw" not in RunStore(f"sqlite:///{missing}?password=s3cretpw").name
    by_url = RunStore(f"sqlite:///{missing}")
    with pytest.raises(RunsUnavailable, match="FUNCTIONSCOPE_RUNS_URL") as raised:
        by_url.get("a")
    assert "FUNCTIONSCOPE_RUNS to a file" not in str(raised.value)
    assert str(missing) in str(raised.value)
    (tmp_path / "file").write_text("")
    by_path = RunStore(tmp_path / "file" / "runs.sqlite")
    with pytest.raises(RunsUnavailable, match="set FUNCTIONSCOPE_RUNS to a file"):
        by_path.get("a")


def test_a_store_of_version_1_is_brought_up_and_its_runs_are_as_they_were(tmp_path: Path) -> None:
    store = RunStore(old_store(tmp_path / "runs.sqlite"))
    row = store.get(OLD_ID)
    assert row is not None
    assert (row.result, row.title, row.recorded_at) == (
        OLD_RESULT,
        "Old",
        "2026-01-01T00:00:00+00:00",
    )
    with pytest.raises(WrongDeleteToken):
        store.delete(OLD_ID, "")
    assert store.put("f" * 20, "inspect", request={}, result={}, provenance={}) is not None
    assert version_of(store._engine()) == VERSION
    store.close()
    again = RunStore(tmp_path / "runs.sqlite")
    assert again.get(OLD_ID) == row
    again.close()


@pytest.mark.parametrize("done", [1, 2, 3])
def test_an_upgrade_that_was_cut_short_is_finished(tmp_path: Path, done: int) -> None:
    """SQLite commits each step by itself; a kill may fall between any two."""
    path = old_store(tmp_path / "runs.sqlite")
    steps = [
        "ALTER TABLE run ADD COLUMN delete_hash VARCHAR(64)",
        str(CreateTable(BUILD).compile(dialect=sa.create_engine("sqlite://").dialect)),
        str(CreateTable(STORE).compile(dialect=sa.create_engine("sqlite://").dialect)),
    ]
    with sqlite3.connect(path) as connection:
        for step in steps[:done]:
            connection.execute(step)
    connection.close()
    store = RunStore(path)
    assert store.get(OLD_ID) is not None
    assert version_of(store._engine()) == VERSION
    store.close()


def test_many_may_open_an_old_store_at_once(tmp_path: Path) -> None:
    path, failures = old_store(tmp_path / "runs.sqlite"), []

    def use() -> None:
        store = RunStore(path)
        try:
            assert store.get(OLD_ID) is not None
        except Exception as error:
            failures.append(error)
        finally:
            store.close()

    threads = [threading.Thread(target=use) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_a_store_of_a_newer_program_is_left_alone(fresh: RunStore) -> None:
    with fresh._engine().begin() as connection:
        connection.execute(sa.update(STORE).values(value=VERSION + 1))
    fresh.close()
    newer = RunStore(fresh._path)  # type: ignore[arg-type]
    with pytest.raises(
        RunsUnavailable, match=f"version is {VERSION + 1}, this program knows {VERSION}"
    ):
        newer.get(OLD_ID)
    assert "start the newer program" in newer.failure


def test_two_writers_at_once_lose_nothing_and_keep_the_first(tmp_path: Path) -> None:
    path, kept = tmp_path / "runs.sqlite", []

    def write(writer: int) -> None:
        store = RunStore(path)
        for n in range(20):
            kept.append(
                (
                    n,
                    store.put(
                        f"{n:020x}", "inspect", request={}, result={"by": writer}, provenance={}
                    ),
                )
            )
        store.close()

    threads = [threading.Thread(target=write, args=(writer,)) for writer in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(kept) == 80
    assert sorted(n for n, token in kept if token) == list(range(20))


def test_a_password_in_a_url_is_told_to_nobody() -> None:
    store = RunStore("postgresql+psycopg://me:hidden@127.0.0.1:1/runs")
    assert "hidden" not in store.name
    with pytest.raises(RunsUnavailable) as raised:
        store.get("x")
    assert "hidden" not in str(raised.value)


def test_tables_and_statements_are_postgresql_too() -> None:
    dialect = postgresql.dialect()
    for table in (RUN, BUILD, STORE):
        made = str(CreateTable(table).compile(dialect=dialect))
        assert "BYTEA" in made or table is STORE
    written = str(sa.insert(RUN).compile(dialect=dialect))
    assert "ON CONFLICT" not in written
    assert str(
        sa.select(BUILD)
        .where(BUILD.c.identity.startswith("ab", autoescape=True))
        .compile(dialect=dialect)
    )


def test_builds_are_remembered_once_and_found_by_their_first_digits(fresh: RunStore) -> None:
    for _ in range(2):
        fresh.remember_build("00aa11bb22cc33dd", {"model": {"name": "m"}, "n": 1})
    assert fresh.builds("00aa11") == [("00aa11bb22cc33dd", {"model": {"name": "m"}, "n": 1})]
    assert fresh.builds("%") == []


def record(client: TestClient, body: dict[str, Any]) -> dict[str, Any]:
    return dict(client.post("/api/runs", json=body).json())


def test_whoever_recorded_a_run_names_it_and_removes_it(client: TestClient) -> None:
    body = {"kind": "inspect", "request": {"prompt": "mine to remove"}}
    made = record(client, body)
    own, other = {"X-Delete-Token": made["delete_token"]}, {"X-Delete-Token": "another"}
    path = f"/api/runs/{made['run_id']}"
    assert record(client, body)["delete_token"] is None
    assert (
        "delete token"
        in problem(client.patch(path, json={"title": "x"}, headers=other), 403)["detail"]
    )
    assert client.patch(path, json={"title": "Mine"}, headers=own).json()["title"] == "Mine"
    assert client.patch(path, json={"title": "Other"}, headers=own).status_code == 409
    assert client.patch(path, json={"note": "n"}, headers=own).json()["note"] == "n"
    problem(client.delete(path, headers=other), 403)
    problem(client.delete(path), 422)
    assert client.delete(path, headers=own).json() == {"run_id": made["run_id"]}
    problem(client.get(path), 404)
    problem(client.delete(path, headers=own), 404)
    again = record(client, body)
    assert (again["run_id"], again["reused"]) == (made["run_id"], False)


def to_version_1(path: Path) -> None:
    """The store as the first program left it: without the column and the tables that came later."""
    with sqlite3.connect(path) as connection:
        connection.execute("ALTER TABLE run DROP COLUMN delete_hash")
        connection.execute("DROP TABLE build")
        connection.execute("DROP TABLE store")
    connection.close()


def test_a_run_outlives_restart_upgrade_and_another_build(
    serve: Serve, tiny_folder: Path, build_path: Path, tmp_path: Path
) -> None:
    """The picture in the browser: tests/faults/test_lasting_links.py.

    Here its numbers, to the last digit.
    """
    build, own = tmp_path / "served.duckdb", Settings(runs=tmp_path / "runs.sqlite", threads=1)
    shutil.copy(build_path, build)
    own = own.model_copy(update={"build": build})
    with TestClient(app := serve(store=None, settings=own)) as client:
        assert app.state.backend.live.ready.wait(10)
        paths = []
        for kind, request in (
            ("inspect", {"prompt": PROMPT}),
            ("steer", steer_body(controls=True)),
        ):
            paths.append(
                f"/api/runs/{record(client, {'kind': kind, 'request': request})['run_id']}"
            )
        before = [client.get(path).content for path in paths]
        identity = client.get("/api/builds").json()["builds"][0]["identity"]
    to_version_1(own.runs)
    with duckdb.connect(str(shutil.copy(build_path, tmp_path / "remade.duckdb"))) as connection:
        connection.execute(
            "UPDATE provenance SET value = '\"2031-01-01T00:00:00+00:00\"' WHERE key = 'created_at'"
        )
    os.replace(tmp_path / "remade.duckdb", build)
    with TestClient(serve(store=None, settings=own)) as client:
        assert client.get("/api/builds").json()["builds"][0]["identity"] != identity
        assert [client.get(path).content for path in paths] == before
        compared = client.get(f"/api/builds/{identity[:8]}").json()
        # the older store knew no builds
        assert (compared["same"], compared["known"]) == (False, False)
        here = client.get("/api/capabilities").json()["build"]["identity"]
        assert client.get(f"/api/builds/{here[:8]}").json()["same"] is True
    os.replace(shutil.copy(build_path, tmp_path / "first.duckdb"), build)
    with TestClient(serve(store=None, settings=own)) as client:
        compared = client.get(f"/api/builds/{here[:8]}").json()
        assert (compared["same"], compared["known"]) == (False, True)
        assert [one["name"] for one in compared["differences"]] == ["created_at"]
        assert compared["differences"][0]["there"] == '"2031-01-01T00:00:00+00:00"'
