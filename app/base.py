"""Under which preset the pages lie that are made now: what stands before every path of theirs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

# what stands before every path of the preset that is asked; empty for the server's default
_base: ContextVar[str] = ContextVar("base", default="")


@contextmanager
def based(base: str) -> Iterator[None]:
    """Addresses that are made meanwhile lead to the preset whose paths begin with `base`."""
    token = _base.set(base)
    try:
        yield
    finally:
        _base.reset(token)


def at(path: str) -> str:
    """Where a path of the product, which begins with a slash, lies: under the preset that is
    asked.
    """
    return _base.get() + path


def inside(pathname: str | None) -> str:
    """The product's path of a page's whole one: the reverse of `at`."""
    return (pathname or "/").removeprefix(_base.get()) or "/"
