"""The tiny API on a port of the loopback interface, and the client that a notebook has of it."""

from collections.abc import Iterator

import pytest
from functionscope import Client

from tests.api.conftest import Serve
from tests.listening import START_SECONDS, listening


@pytest.fixture(scope="session")
def served_url(serve: Serve) -> Iterator[str]:
    app = serve()
    with listening(app) as url:
        assert app.state.backend.live.ready.wait(START_SECONDS)
        yield url


@pytest.fixture
def scope(served_url: str) -> Iterator[Client]:
    with Client(served_url) as made:
        yield made
