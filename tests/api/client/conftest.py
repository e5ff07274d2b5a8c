"""The tiny API on a port of the loopback interface, and the client that a notebook has of it."""

import socket
import threading
import time
from collections.abc import Iterator

import pytest
import uvicorn
from functionscope import Client

from tests.api.conftest import Serve

START_SECONDS = 60


@pytest.fixture(scope="session")
def served_url(serve: Serve) -> Iterator[str]:
    app = serve()
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app, log_level="error", timeout_graceful_shutdown=1))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        deadline = time.monotonic() + START_SECONDS
        while not server.started:
            assert thread.is_alive(), "the server ended while it started"
            assert time.monotonic() < deadline, f"the server did not start within {START_SECONDS} s"
            time.sleep(0.05)
        assert app.state.backend.live.ready.wait(START_SECONDS)
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        server.should_exit = True
        thread.join(20)


@pytest.fixture
def scope(served_url: str) -> Iterator[Client]:
    with Client(served_url) as made:
        yield made
