"""What can go wrong, made to go wrong.

Minutes, not seconds: `make test-faults`, never part of `make test`.

Processes are forked from this one, which has torch and the tiny model in memory: a kill costs what
was killed, not six seconds of imports.
"""

import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from backend.core.lm import LanguageModel
from backend.core.sae import Sae
from backend.main import create_api
from backend.serving.live import Live
from backend.serving.loading import Loaded
from backend.settings import Settings
from tests.tiny_build import SAE_IDS, own_build, sentences, tiny_preset

if not os.environ.get("FUNCTIONSCOPE_FAULTS"):
    collect_ignore_glob = ["test_*.py"]

START_SECONDS = 60.0


@dataclass
class Child:
    """A forked process.

    `ended` polls, `kill` is -9, `wait` gives its exit status (negative: a signal).
    """

    pid: int
    status: int | None = None

    def ended(self) -> bool:
        if self.status is None:
            pid, raw = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.status = os.waitstatus_to_exitcode(raw)
        return self.status is not None

    def kill(self, how: int = signal.SIGKILL) -> None:
        if not self.ended():
            os.kill(self.pid, how)

    def wait(self, seconds: float = 120.0) -> int:
        end = time.monotonic() + seconds
        while not self.ended():
            assert time.monotonic() < end, f"process {self.pid} did not end within {seconds} s"
            time.sleep(0.002)
        assert self.status is not None
        return self.status


def forked(work: Callable[[], Any], log: Path | None = None) -> Child:
    """`work()` in a process of its own;
    exit status 0, or 1 after an exception, whose text goes to `log`.
    """
    pid = os.fork()
    if pid:
        return Child(pid)
    try:
        work()
        os._exit(0)
    except BaseException as error:
        if log is not None:
            log.write_text(f"{type(error).__name__}: {error}")
        os._exit(1)


@pytest.fixture(scope="session")
def loaded(lm: LanguageModel, saes: dict[str, Sae]) -> Loaded:
    return Loaded(lm, saes, "model-hash", {sae_id: f"hash of {sae_id}" for sae_id in saes})


@pytest.fixture(scope="session")
def build_path(tiny_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return own_build(tmp_path_factory, "api", tiny_folder, SAE_IDS[:2], sentences())


@dataclass
class Served:
    """A server in a process of its own."""

    url: str
    child: Child


Start = Callable[..., Served]


@pytest.fixture
def start(tiny_folder: Path, build_path: Path, loaded: Loaded, tmp_path: Path) -> Iterator[Start]:
    """Start servers: `start(build=…, **settings)`. All are gone when the test ends."""
    started: list[Served] = []

    def make(build: Path = build_path, port: int = 0, **changes: Any) -> Served:
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", port))
        listener.listen(512)
        own = Settings(**({"runs": tmp_path / "runs.sqlite", "threads": 1, "queue": 4} | changes))

        def serve() -> None:
            import uvicorn

            live = Live(lambda: loaded, waiting=own.queue)
            app = create_api(None, live, own, preset=tiny_preset(tiny_folder, build))
            config = uvicorn.Config(
                app, log_config=None, timeout_graceful_shutdown=own.drain_seconds
            )
            uvicorn.Server(config).run(sockets=[listener])

        served = Served(f"http://127.0.0.1:{listener.getsockname()[1]}", forked(serve))
        listener.close()
        started.append(served)
        wait_until_up(served)
        return served

    yield make
    for one in started:
        one.child.kill()
        one.child.wait()


def wait_until_up(served: Served) -> None:
    import httpx

    end = time.monotonic() + START_SECONDS
    while True:
        try:
            if httpx.get(f"{served.url}/api/health", timeout=30).json()["live"] == "live":
                return
        except httpx.TransportError:
            assert not served.child.ended(), "the server ended while it started"
        assert time.monotonic() < end, "the server did not start"
        time.sleep(0.02)
