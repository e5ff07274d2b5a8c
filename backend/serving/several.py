"""Several presets in one server: each is an application of its own below `/m/{preset}`.

The default keeps the paths without a prefix; its prefix leads there. The others are made when they
are first asked for. Inside, every application sees the paths of a server of its own.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any
from urllib.parse import quote

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

PREFIXED = re.compile(r"/m/([A-Za-z0-9][A-Za-z0-9._-]*)(/.*)?", re.DOTALL)


def base_of(name: str) -> str:
    """What stands before the paths of a preset that is not the default."""
    return f"/m/{name}"


class Several:
    """ASGI. `others`: what makes the application of each preset beside the `default` one."""

    def __init__(self, default: App, name: str, others: Mapping[str, Callable[[], App]]) -> None:
        self.default, self.name = default, name
        self._others = dict(others)
        self._running: dict[str, Running] = {}
        self._making = asyncio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return await self._live(scope, receive, send)
        found = PREFIXED.fullmatch(str(scope["path"]))
        if found is None or found[1] not in {self.name, *self._others}:
            return await self.default(scope, receive, send)
        inner = found[2] or "/"
        if found[1] == self.name:
            return await _lead_to(inner, scope, send)
        app = await self._app(found[1])
        return await app({**scope, **_below(base_of(found[1]), scope, inner)}, receive, send)

    async def _app(self, name: str) -> App:
        """The running application of a preset, which is made now where it was not."""
        if name not in self._running:
            async with self._making:
                if name not in self._running:
                    made = Running(await asyncio.to_thread(self._others[name]))
                    await made.start()
                    self._running[name] = made
        return self._running[name].app

    async def _live(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The default's lifespan is the server's; the others end before it does."""

        async def asked() -> Message:
            message = await receive()
            if message["type"] == "lifespan.shutdown":
                await asyncio.gather(*(one.stop() for one in self._running.values()))
            return message

        await self.default(scope, asked, send)


class Running:
    """An application between its start and its end, which a task of its own goes through."""

    def __init__(self, app: App) -> None:
        self.app = app
        self._told: asyncio.Queue[Message] = asyncio.Queue()
        self._said: asyncio.Queue[Message] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Returns once it can be asked. RuntimeError where it could not start."""
        scope = {"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}
        lifespan = self.app(scope, self._told.get, self._said.put)
        self._task = asyncio.create_task(lifespan)  # type: ignore[arg-type]
        await self._tell("startup")

    async def stop(self) -> None:
        """Returns once it has ended."""
        if self._task is not None:
            await self._tell("shutdown")
            await self._task

    async def _tell(self, what: str) -> None:
        assert self._task is not None
        await self._told.put({"type": f"lifespan.{what}"})
        said = asyncio.create_task(self._said.get())
        await asyncio.wait({said, self._task}, return_when=asyncio.FIRST_COMPLETED)
        if not said.done() or said.result()["type"] != f"lifespan.{what}.complete":
            said.cancel()
            raise RuntimeError(f"the {what} of a preset failed; the log has the reason")


def _below(base: str, scope: Scope, path: str) -> dict[str, Any]:
    """The paths of a request as they are inside."""
    raw = bytes(scope.get("raw_path") or quote(str(scope["path"])).encode())
    return {
        "path": path,
        "raw_path": raw.removeprefix(base.encode()) or b"/",
        "state": dict(scope.get("state", {})),
    }


async def _lead_to(path: str, scope: Scope, send: Send) -> None:
    """To the same path without the prefix; never to another host, which two slashes would name."""
    query = bytes(scope.get("query_string", b""))
    where = quote("/" + path.lstrip("/")).encode() + (b"?" + query if query else b"")
    if scope["type"] != "http":
        return await send({"type": "websocket.close", "code": 1000})
    headers = [
        (b"location", where),
        (b"content-length", b"0"),
        (b"cache-control", b"no-store"),
        (b"x-content-type-options", b"nosniff"),
    ]
    await send({"type": "http.response.start", "status": 307, "headers": headers})
    await send({"type": "http.response.body", "body": b""})
    return None
