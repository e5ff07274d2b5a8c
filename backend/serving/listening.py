"""One port, one application, until it is interrupted."""

from __future__ import annotations

import os
import socket
import sys
import threading
from collections.abc import Callable

import uvicorn

from backend.serving.logs import configure
from backend.serving.several import App
from backend.settings import Settings

# Longer than the pages' own client (5 s), proxies and browsers (60 s) keep an idle connection: who
# closes it first must be the side that sends, or a request that is just on its way is lost.
KEEP_ALIVE_SECONDS = 75


class CannotListen(Exception):
    """The address cannot be had; the message says what to do."""


def listen(settings: Settings, make: Callable[[], App]) -> int:
    """Take the port first, since making the application costs seconds;
    then serve until interrupted. Exit code 0.
    """
    with bind(settings.host, settings.port) as listener:
        os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
        application = make()
        configure(settings.log_level)
        config = uvicorn.Config(
            application,
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            # an open stream would hold the shutdown for ever
            timeout_graceful_shutdown=settings.drain_seconds,
        )

        class Announced(uvicorn.Server):
            async def startup(self, sockets: list[socket.socket] | None = None) -> None:
                """Say where it is once it answers, not before."""
                await super().startup(sockets)
                print(f"FunctionScope: http://{settings.host}:{settings.port}", flush=True)

        try:
            Announced(config).run(sockets=[listener])
        finally:
            _leave_loading_threads()
    return 0


def _leave_loading_threads() -> None:
    """End now if a model is still being read:
    the interpreter's own exit would abort in its C++ threads.
    """
    if any(thread.name == "load" for thread in threading.enumerate()):
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(130)


def bind(host: str, port: int) -> socket.socket:
    """A listening socket; CannotListen when the address cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # unnamed, asyncio would not set NODELAY
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise CannotListen(
            f"{host}:{port} cannot be listened on ({error.strerror or error}): choose another "
            "port with --port."
        ) from error
    return listener
