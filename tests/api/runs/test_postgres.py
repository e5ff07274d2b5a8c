"""The store of runs on a real PostgreSQL, which these tests start and end."""

import threading
from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from backend.core.runs import RunStore, WrongDeleteToken
from backend.core.runs.schema import MIGRATIONS, VERSION, version_of
from tests.postgres import programs, running

RUN = "ab" * 10


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    folder = programs()
    if folder is None:
        pytest.skip("POSTGRESQL IS NOT INSTALLED, its store was not tested: apt install postgresql")
    with running(folder) as url:
        yield url


@pytest.fixture
def url(server: str) -> Iterator[str]:
    """A database without tables, and none is left behind."""
    engine = sa.create_engine(server)

    def clear() -> None:
        with engine.begin() as connection:
            for table in ("run", "build", "store"):
                connection.execute(sa.text(f"DROP TABLE IF EXISTS {table}"))

    clear()
    yield server
    clear()
    engine.dispose()


@pytest.fixture
def empty(url: str) -> Iterator[sa.Engine]:
    engine = sa.create_engine(url)
    yield engine
    engine.dispose()


def test_runs_are_kept_named_and_removed(url: str) -> None:
    store = RunStore(url)
    token = store.put(
        RUN, "inspect", request={"prompt": "é\n"}, result={"n": [1.5]}, provenance={"model": "m"}
    )
    assert token is not None
    assert store.put(RUN, "inspect", request={}, result={}, provenance={}) is None
    store.label(RUN, "Mine", None)
    row = store.get(RUN)
    assert row is not None
    assert (row.request, row.result, row.title) == ({"prompt": "é\n"}, {"n": [1.5]}, "Mine")
    store.remember_build("00aa11bb22cc33dd", {"n": 1})
    assert store.builds("00aa11") == [("00aa11bb22cc33dd", {"n": 1})]
    with pytest.raises(WrongDeleteToken):
        store.delete(RUN, "other")
    store.delete(RUN, token)
    assert store.get(RUN) is None
    store.close()


def test_replicas_that_start_at_once_make_one_store(url: str, empty: sa.Engine) -> None:
    failures, tokens = [], []

    def replica() -> None:
        store = RunStore(url)
        try:
            tokens.append(store.put(RUN, "inspect", request={}, result={}, provenance={}))
        except Exception as error:
            failures.append(error)
        finally:
            store.close()

    threads = [threading.Thread(target=replica) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert sum(token is not None for token in tokens) == 1
    assert version_of(empty) == VERSION


def test_a_store_of_version_1_is_brought_up(url: str, empty: sa.Engine) -> None:
    with empty.begin() as connection:
        MIGRATIONS[0](connection)
        # {"hello":"world"}
        packed = "decode('789cab56ca48cdc9c957b2522acf2fca4951aa0500356b05f7', 'hex')"
        values = (
            f"'{RUN}', 'inspect', {packed}, {packed}, {packed}, NULL, NULL, "
            "'2026-01-01T00:00:00+00:00'"
        )
        connection.execute(sa.text(f"INSERT INTO run VALUES ({values})"))
    store = RunStore(url)
    row = store.get(RUN)
    assert row is not None
    assert row.result == {"hello": "world"}
    assert version_of(empty) == VERSION
    store.close()
