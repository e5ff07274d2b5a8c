"""kill -9 at random points: what was acknowledged is there,
and what is resumed ends as if undisturbed.

At least 50 kills in all: JOB_KILLS of a build's jobs, SERVER_KILLS of a server that is recording
runs, and STORE_KILLS of a bare writer of runs (the window between two writes is otherwise hard to
hit).
"""

import random
import signal
import threading
import time
from pathlib import Path
from typing import Any

import duckdb
import httpx
import pytest

from backend.core.runs import RunStore
from precompute.cli import run_job
from tests.faults.conftest import Start, forked
from tests.tiny_build import SAE_IDS, sentences, tiny_job

JOB_KILLS, SERVER_KILLS, STORE_KILLS = 24, 12, 24
SEED = 20261123


def tables(path: Path) -> dict[str, Any]:
    """Every table of a build, row for row;
    provenance without when, and by which commit, it was made.
    """
    with duckdb.connect(str(path), read_only=True) as connection:
        names = [name for (name,) in connection.execute("SHOW TABLES").fetchall()]
        found = {name: connection.execute(f'SELECT * FROM "{name}"').fetchall() for name in names}
    found["provenance"] = [
        row for row in found["provenance"] if row[0] not in ("created_at", "code")
    ]
    return {name: repr(rows) for name, rows in found.items()}


def test_jobs_that_are_killed_end_in_the_same_tables(tiny_folder: Path, tmp_path: Path) -> None:
    undisturbed = tiny_job(tiny_folder, tmp_path / "whole", SAE_IDS[:2], sentences())
    started = time.monotonic()
    assert forked(lambda: run_job("all", undisturbed), tmp_path / "log").wait(300) == 0, (
        tmp_path / "log"
    ).read_text()
    took = time.monotonic() - started
    drawn, kills, rounds = random.Random(SEED), 0, 0
    while kills < JOB_KILLS:
        rounds += 1
        job = tiny_job(tiny_folder, tmp_path / f"killed_{rounds}", SAE_IDS[:2], sentences())
        for _ in range(200):
            child = forked(lambda job=job: run_job("all", job), tmp_path / "log")
            if kills < JOB_KILLS:
                time.sleep(drawn.uniform(0, took * 0.5))
                child.kill()
            status = child.wait(300)
            kills += status == -signal.SIGKILL
            assert status in (0, -signal.SIGKILL), (tmp_path / "log").read_text()
            if status == 0:
                break
            assert not job.out.exists() or tables(job.out)  # never half a build under its name
        assert tables(job.out) == tables(undisturbed.out)
        assert list(job.out.parent.glob("*.wal")) == []
    print(f"{kills} kills in {rounds} builds; undisturbed {took:.1f} s")


def test_every_run_that_a_killed_server_acknowledged_is_there(start: Start, tmp_path: Path) -> None:
    drawn, acknowledged = random.Random(SEED), {}
    for attempt in range(SERVER_KILLS):
        served = start(runs=tmp_path / "runs.sqlite")
        with httpx.Client(base_url=served.url, timeout=30) as client:
            last, took = drawn.randint(2, 6), 0.0
            for n in range(last + 1):
                if n == last:  # the kill falls somewhere into this one
                    threading.Timer(drawn.uniform(0, 1.2 * took), served.child.kill).start()
                body = {
                    "kind": "inspect",
                    "request": {"prompt": f"run {attempt} {n}", "sae_ids": ["layer_0"]},
                }
                sent = time.monotonic()
                try:
                    reply = client.post("/api/runs", json=body)
                except httpx.TransportError:
                    assert n == last
                    break
                took = time.monotonic() - sent
                assert reply.status_code == 201
                acknowledged[reply.json()["run_id"]] = body["request"]["prompt"]
        assert served.child.wait() == -signal.SIGKILL
    served = start(runs=tmp_path / "runs.sqlite")
    with httpx.Client(base_url=served.url, timeout=30) as client:
        for run_id, prompt in acknowledged.items():
            run = client.get(f"/api/runs/{run_id}").json()
            assert run["request"]["prompt"] == prompt
            assert run["result"]["tokens"]
    assert len(acknowledged) >= SERVER_KILLS
    print(f"{SERVER_KILLS} kills, {len(acknowledged)} acknowledged runs, all there")


def test_every_run_that_a_killed_writer_noted_is_there(tmp_path: Path) -> None:
    path, notes = tmp_path / "runs.sqlite", tmp_path / "acknowledged.txt"

    def write(attempt: int) -> None:
        store = RunStore(path)
        with notes.open("a") as acknowledged:
            for n in range(100_000):
                run_id = f"{attempt:04x}{n:016x}"
                store.put(
                    run_id, "inspect", request={"n": n}, result={"x": [n] * 200}, provenance={}
                )
                acknowledged.write(run_id + "\n")
                acknowledged.flush()

    drawn = random.Random(SEED)
    for attempt in range(STORE_KILLS):
        before = notes.stat().st_size if notes.exists() else 0
        child = forked(lambda attempt=attempt: write(attempt))
        wanted = before + 21 * drawn.randint(1, 12)
        while not notes.exists() or notes.stat().st_size < wanted:
            assert not child.ended()
            time.sleep(0.001)
        time.sleep(drawn.uniform(0, 0.005))
        child.kill()
        assert child.wait() == -signal.SIGKILL
    store = RunStore(path)
    written = [line for line in notes.read_text().split("\n") if len(line) == 20]
    assert len(written) > STORE_KILLS
    for run_id in written:
        row = store.get(run_id)
        assert row is not None, run_id
        assert row.result == {"x": [row.request["n"]] * 200}
    store.close()
    print(f"{STORE_KILLS} kills, {len(written)} acknowledged runs, all there")


@pytest.mark.parametrize("seconds", [0.3])
def test_sigterm_drains(start: Start, seconds: float) -> None:
    """What runs is answered whole; what comes later is refused by the closed port."""
    served = start(drain_seconds=20)
    body = {
        "prompt": "What is the capital of Russia?\n",
        "interventions": [],
        "max_new_tokens": 128,
        "temperature": 2.0,
        "samples": 8,
    }
    answers: list[httpx.Response] = []
    asking = threading.Thread(
        target=lambda: answers.append(httpx.post(f"{served.url}/api/steer", json=body, timeout=60))
    )
    asking.start()
    time.sleep(seconds)
    served.child.kill(signal.SIGTERM)
    asking.join(60)
    assert [reply.status_code for reply in answers] == [200]
    assert len(answers[0].json()["baseline"]["texts"]) == 8
    served.child.wait(30)
    with pytest.raises(httpx.TransportError):
        httpx.get(f"{served.url}/api/health", timeout=5)
