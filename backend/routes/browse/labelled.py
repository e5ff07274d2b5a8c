"""Which features a search finds by their own labels; the store of labels may be out of order."""

from __future__ import annotations

from fastapi import Request

from backend.core.runs import RunsUnavailable
from backend.routes.request.sae_identity import identities
from backend.routes.request.served import Backend


def labelled(served: Backend, sae_id: str, q: str | None) -> tuple[list[int], str | None]:
    """Features whose label holds `q`; and why labels were not looked at, where they could not be:
    a search by tokens does not need them.
    """
    identity = identities(served).get(sae_id) if q else None
    if not q or identity is None:
        return [], None
    try:
        return served.runs.labels.matching(identity, q), None
    except RunsUnavailable as error:
        return [], str(error)


def said_of_labels(request: Request, served: Backend) -> str:
    """The same as a part of what a kept answer is found by."""
    query = request.query_params
    found, missing = labelled(served, query.get("sae_id", ""), query.get("q"))
    return f"#{found}{missing}" if found or missing else ""
