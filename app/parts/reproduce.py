"""The code in the drawer of a panel whose numbers come from several requests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from app.links import Scalar, reproduce_get

Request = tuple[str, Mapping[str, Scalar | None]]  # path and query of a GET


def in_turn(codes: Sequence[dict[str, str]]) -> dict[str, str]:
    """One after the other; the whole runs as it stands."""
    kinds = ("curl", "python")
    return {kind: "\n\n".join(code[kind] for code in codes) for kind in kinds}


def reproduce_all(href: str | None, requests: Sequence[Request]) -> dict[str, str]:
    """Several GET requests as {"curl": …, "python": …}."""
    return in_turn([reproduce_get(href, path, query) for path, query in requests])
