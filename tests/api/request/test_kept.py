"""Kept answers: the ones that were made, of the files that are there now,
and no more of them than there is room.
"""

import os
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from backend.core.store import Store
from backend.routes.request import kept
from backend.routes.request.kept import Keeper, Kept
from tests.api.conftest import Serve
from tests.tiny_build import SAE_IDS, make_build, random_words, tiny_job

PATHS = (
    "/api/coverage?sae_id=layer_0&max_rank=20",
    "/api/coverage?sae_id=layer_2&max_rank=20",
    "/api/features?sae_id=layer_0&limit=5",
    "/api/tokens?limit=5",
)


def test_an_answer_is_made_once_and_stays_the_same(
    serve: Serve, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []
    coverage = store.coverage
    monkeypatch.setattr(
        store, "coverage", lambda sae_id, **given: made.append(sae_id) or coverage(sae_id, **given)
    )
    with TestClient(serve()) as client:
        replies = [[client.get(path) for path in PATHS] for _ in range(3)]
    for again in replies[1:]:
        assert [reply.content for reply in again] == [reply.content for reply in replies[0]]
        assert [reply.headers["content-type"] for reply in again] == ["application/json"] * len(
            PATHS
        )
        assert all(reply.headers["x-request-id"] for reply in again)
    assert made == ["layer_0", "layer_2"]


def test_many_who_ask_at_once_wait_for_one_answer(
    serve: Serve, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []
    coverage = store.coverage

    def slow(sae_id: str, **given: object) -> object:
        made.append(sae_id)
        time.sleep(0.3)  # as long as an answer takes that eight ask for meanwhile
        return coverage(sae_id, **given)

    monkeypatch.setattr(store, "coverage", slow)
    with TestClient(serve()) as client, ThreadPoolExecutor(8) as clients:
        client.get("/api/saes")
        replies = list(clients.map(client.get, [PATHS[0]] * 8))
        assert made == ["layer_0"]
        refused = list(clients.map(client.get, ["/api/coverage?sae_id=layer_9"] * 8))
        kept = client.app.state.backend.keeper._all.values()
        assert all(not answers._making for _, answers in kept)
    assert [reply.status_code for reply in replies] == [200] * 8
    assert len({reply.content for reply in replies}) == 1
    assert [reply.status_code for reply in refused] == [422] * 8


def test_a_refusal_is_not_kept(serve: Serve) -> None:
    with TestClient(serve(), raise_server_exceptions=False) as client:
        for path in (
            "/api/coverage?sae_id=layer_9",
            "/api/tokens?limit=0",
            "/api/tokens?nonsense=1",
        ):
            assert client.get(path).status_code == client.get(path).status_code == 422
        assert all(kept._size == 0 for _, kept in client.app.state.backend.keeper._all.values())


def test_another_build_has_its_own_answers(
    serve: Serve, store: Store, tiny_folder: Path, tmp_path: Path
) -> None:
    other = make_build(tiny_job(tiny_folder, tmp_path / "other", SAE_IDS[:2], random_words(80)))
    served = Store.open(shutil.copy(store.path, tmp_path / "served.duckdb"))
    with TestClient(serve(store=served)) as client:
        before = [client.get(path).json() for path in PATHS]
        os.replace(other, tmp_path / "served.duckdb")
        after = [client.get(path).json() for path in PATHS]
        assert all(new != old for new, old in zip(after, before, strict=True))
        assert [client.get(path).json() for path in PATHS] == after
    served.close()


def test_what_is_asked_for_least_makes_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "ROOM", 100)
    monkeypatch.setattr(kept, "LARGEST", 60)
    answers = Kept()
    answers.put("a", b"x" * 40)
    answers.put("b", b"x" * 40)
    assert answers.get("a")
    answers.put("c", b"x" * 40)
    answers.put("large", b"x" * 61)
    assert [answers.get(name) is not None for name in ("a", "b", "c", "large")] == [
        True,
        False,
        True,
        False,
    ]


def test_an_answer_that_comes_late_is_put_where_its_files_were() -> None:
    keeper, old, new = Keeper(), ({}, None), ({}, None)  # equal, and not the same
    at_start = keeper.of((), old)
    assert keeper.of((), old) is at_start
    now = keeper.of((), new)
    at_start.put("a", b"of the old files")
    assert now.get("a") is None
    assert keeper.of((), new) is now
