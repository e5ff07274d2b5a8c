"""`--engine ray`: the command as a person starts it, two replicas of the lab model,
pages in front of them.
"""

import importlib.util
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import httpx
import psutil
import pytest

needs_ray_serve = pytest.mark.skipif(
    importlib.util.find_spec("ray") is None or importlib.util.find_spec("grpc") is None,
    reason="RAY SERVE IS NOT INSTALLED, its engine was not tested: pip install '.[ray]'",
)
PROMPT = "What is the capital of Russia?\n"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """(URL, process) of `functionscope serve --engine ray --replicas 2`."""
    folder = tmp_path_factory.mktemp("ray")
    port = free_port()
    command = [
        sys.executable,
        "-m",
        "backend.cli",
        "serve",
        "--preset",
        "lab",
        "--engine",
        "ray",
        "--replicas",
        "2",
        "--threads",
        "1",
    ]
    environment = os.environ | {"FUNCTIONSCOPE_RUNS_URL": f"sqlite:///{folder / 'runs.sqlite'}"}
    with (
        (folder / "err").open("w") as err,
        subprocess.Popen(
            [*command, "--port", str(port)],
            stdout=subprocess.PIPE,
            stderr=err,
            text=True,
            env=environment,
        ) as running,
    ):
        try:
            assert running.stdout is not None
            assert f":{port}" in running.stdout.readline(), (folder / "err").read_text()
            yield f"http://127.0.0.1:{port}", running
        finally:
            running.send_signal(signal.SIGINT)
            running.wait(60)


@needs_ray_serve
def test_replicas_answer_and_stream(served: tuple[str, subprocess.Popen[str]]) -> None:
    url, _ = served
    with httpx.Client(base_url=url, timeout=60) as client:
        assert client.get("/api/health").json()["live"] == "live"
        assert "FunctionScope" in client.get("/").text
        found = client.post("/api/inspect", json={"prompt": PROMPT}).json()
        assert all(firings["position"] for firings in found["firings"].values())
        sae_id = next(iter(found["firings"]))
        edit = {
            "sae_id": sae_id,
            "feature_index": 0,
            "mode": "add",
            "value": 5.0,
            "positions": "last_function",
        }
        body = {
            "prompt": PROMPT,
            "max_new_tokens": 60,
            "temperature": 2.0,
            "samples": 2,
            "interventions": [edit],
        }
        frames, came = streamed(client, body)
        assert frames[-1]["status"] == "done"
        assert [frame["seq"] for frame in frames] == list(range(len(frames)))
        assert frames[-1]["result"] == client.post("/api/steer", json=body).json()
        assert came[-1] - came[0] > 0.1  # piece by piece: buffered, all would come at the end
        assert len(set(came)) > 10


def streamed(
    client: httpx.Client, body: dict[str, Any]
) -> tuple[list[dict[str, Any]], list[float]]:
    """The frames of a steer stream, and when each came."""
    frames, came = [], []
    with client.stream("POST", "/api/steer/stream", json=body) as reply:
        assert reply.headers["content-type"].startswith("text/event-stream")
        for line in reply.iter_lines():
            if line.startswith("data: "):
                frames.append(json.loads(line.removeprefix("data: ")))
                came.append(time.monotonic())
    return frames, came


@needs_ray_serve
def test_a_reader_who_leaves_stops_the_work(served: tuple[str, subprocess.Popen[str]]) -> None:
    """Through pages, Ray Serve and replica: within seconds no replica has anything in its queue."""
    url, _ = served
    body = {
        "prompt": PROMPT,
        "max_new_tokens": 128,
        "temperature": 2.0,
        "samples": 8,
        "interventions": [],
    }
    with httpx.Client(base_url=url, timeout=60) as client:
        started = time.monotonic()
        client.post("/api/steer", json=body | {"seed": 1})
        whole = time.monotonic() - started
        with client.stream("POST", "/api/steer/stream", json=body | {"seed": 2}) as reply:
            lines = reply.iter_lines()
            assert [next(lines) for _ in range(4)]
            # each answer is of the replica that Ray chose for it
            assert any(client.get("/api/health").json()["queue"] == 1 for _ in range(200))
        left = time.monotonic()
        while {client.get("/api/health").json()["queue"] for _ in range(12)} != {0}:
            assert time.monotonic() - left < whole / 2
        assert whole > 1.0  # otherwise the work had ended by itself


@needs_ray_serve
def test_a_run_that_one_replica_recorded_is_there_for_all(
    served: tuple[str, subprocess.Popen[str]],
) -> None:
    url, _ = served
    body = {"kind": "inspect", "request": {"prompt": PROMPT}}
    with httpx.Client(base_url=url, timeout=60) as client:
        run_id = client.post("/api/runs", json=body).json()["run_id"]
        assert {client.get(f"/api/runs/{run_id}").status_code for _ in range(12)} == {200}


@needs_ray_serve
def test_it_ends_on_interrupt_and_leaves_nothing_running(
    served: tuple[str, subprocess.Popen[str]],
) -> None:
    _, running = served
    below = psutil.Process(running.pid).children(recursive=True)
    names = [one.name() for one in below]
    assert sum(name.startswith("ray::ServeReplica") for name in names) == 2, names
    running.send_signal(signal.SIGINT)
    assert running.wait(60) in (0, 130)
    _, alive = psutil.wait_procs(below, timeout=30)
    assert alive == []
