"""Answers about a build, kept as bytes:
the same address asked of the same files has the same answer.

Many who browse ask for the same pages of the same build, and making an answer takes ten times as
long as sending it.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

LARGEST = 1 << 20  # bytes of an answer that is kept
ROOM = 1 << 25  # bytes of all that are kept

# what the build and each result file beside it say of themselves: the same objects until a file is
# replaced, and words where one cannot be read
Sources = tuple[Any, ...]
Kinds = tuple[str, ...]


class Kept:
    """Answers by address, least recently asked for first,
    all of one state of the files. Of the event loop alone.
    """

    def __init__(self) -> None:
        self._bodies: OrderedDict[str, bytes] = OrderedDict()
        self._size = 0
        self._making: dict[str, asyncio.Lock] = {}

    def get(self, address: str) -> bytes | None:
        body = self._bodies.get(address)
        if body is not None:
            self._bodies.move_to_end(address)
        return body

    def put(self, address: str, body: bytes) -> None:
        """Keep it, unless it is large; forget others for it."""
        if len(body) > LARGEST or address in self._bodies:
            return
        self._bodies[address] = body
        self._size += len(body)
        while self._size > ROOM:
            self._size -= len(self._bodies.popitem(last=False)[1])

    @asynccontextmanager
    async def turn(self, address: str) -> AsyncIterator[None]:
        """One after another for one address: who waited finds what the first one put, or makes it
        where nothing was to be kept. A page asks for some answers twice at once.
        """
        lock = self._making.setdefault(address, asyncio.Lock())
        try:
            async with lock:
                yield
        finally:
            if not lock.locked() and self._making.get(address) is lock:
                del self._making[address]


class Keeper:
    """The answers of the files that are served now, by which result files they depend on."""

    def __init__(self) -> None:
        self._all: dict[Kinds, tuple[Sources, Kept]] = {}

    def of(self, kinds: Kinds, sources: Sources) -> Kept:
        """Those of `sources`; what was kept of others is forgotten. A request puts its
        answer where it looked.
        """
        known = self._all.get(kinds)
        if known is None or not _same(sources, known[0]):
            known = self._all[kinds] = sources, Kept()
        return known[1]


def _same(now: Sources, then: Sources) -> bool:
    """Whether no file was replaced: two builds may say the same of themselves in two objects;
    words are compared.
    """
    pairs = zip(now, then, strict=False)
    return len(now) == len(then) and all(
        a is b or (isinstance(a, str) and a == b) for a, b in pairs
    )
