"""Asking a page for what its modules know, and waiting for it:
polled from here, because the pages' policy forbids eval in them.
"""

from __future__ import annotations

import time
from typing import Any

from playwright.sync_api import Page


def until(page: Page, expression: str, arg: Any = None, seconds: float = 60.0) -> None:
    """Until the expression, or the function of `arg`, is true in the page;
    AssertionError says which was not.
    """
    deadline = time.monotonic() + seconds
    while not page.evaluate(expression, arg):
        assert time.monotonic() < deadline, f"never true: {expression}"
        page.wait_for_timeout(50)


def inside(module: str, function: str) -> str:
    """An expression: what `function` makes of a module, of the instance that the page runs."""
    bundle = "import(document.querySelector('script[type=module]').src)"
    return f"{bundle}.then(({{ modules }}) => modules[{module!r}]).then({function})"


def as_written(form: str) -> str:
    """A function of a number: how the pages write it; form: percent, number, nats, firings."""
    return "x => " + inside("shared/number.js", f"(forms) => forms.{form}(x)")


def matrix(expression: str) -> str:
    """`expression` of the firing matrix's `state`: {model, locked, nLocked, hover, pins}."""
    state = "const state = channelOf('reactivation').get();"
    known = f"({{ channelOf }}) => {{ {state} return {expression}; }}"
    return inside("shared/hooks/channel.js", known)
