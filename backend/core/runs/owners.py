"""Whoever wrote a thing may change it: a token is told once, and its hash is kept."""

from __future__ import annotations

import hashlib


class WrongDeleteToken(Exception):
    """The delete token is not that of the run, or of the label."""


def digest(token: str) -> str:
    """What is kept of a delete token."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
