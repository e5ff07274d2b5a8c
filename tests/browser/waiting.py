"""Waiting for what a page will say:
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
