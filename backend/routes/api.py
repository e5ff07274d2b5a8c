"""The router of /api: every family, then a catch-all,
since pages answer every other path with HTML.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import Any

from fastapi import APIRouter, Depends, Request
from fastapi.routing import iter_route_contexts
from starlette.routing import compile_path

from backend.routes import health, labels, runs, server, session
from backend.routes.browse import (
    claims,
    consolidation,
    coverage,
    experiments,
    export,
    features,
    graph,
    saes,
    statistics,
    tokens,
)
from backend.routes.live import (
    inspect,
    lens,
    patch,
    prompt_files,
    reactivation,
    steer,
    steer_set,
    sweep,
    traits,
)
from backend.routes.request.problems import CONTENT_TYPE, Refusal, refuse_unknown_parameters
from backend.schemas import Problem

METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
_PROBLEM = {"model": Problem, "content": {CONTENT_TYPE: {}}}
FAILURES: dict[int | str, dict[str, Any]] = {
    404: _PROBLEM | {"description": "no such thing"},
    422: _PROBLEM
    | {"description": "a field is wrong: `errors` names it, its value and what is allowed"},
    429: _PROBLEM
    | {"description": "the queue is full, or too many requests in a minute: see Retry-After"},
    503: _PROBLEM | {"description": "no live model or no build: `detail` has the remedy"},
}
LIVE_FAILURES: dict[int | str, dict[str, Any]] = {
    400: _PROBLEM | {"description": "the body is no JSON in UTF-8"},
    401: _PROBLEM | {"description": "the server has a token, and the request did not bring it"},
    408: _PROBLEM | {"description": "the body did not arrive in time"},
    413: _PROBLEM | {"description": "too long: both numbers are in `detail`"},
}

router = APIRouter(
    prefix="/api", dependencies=[Depends(refuse_unknown_parameters)], responses=FAILURES
)
for family in (
    inspect,
    reactivation,
    steer,
    steer_set,
    sweep,
    traits,
    patch,
    lens,
    prompt_files,
    runs,
    labels,
    session,
):
    router.include_router(family.router, responses=LIVE_FAILURES)
for family in (
    server,
    saes,
    health,
    tokens,
    coverage,
    graph,
    statistics,
    consolidation,
    features,
    export,
    claims,
    experiments,
):
    router.include_router(family.router)
router.include_router(claims.builds_router)


@router.api_route("/{rest:path}", methods=METHODS, include_in_schema=False)
def refuse_path(rest: str, request: Request) -> None:
    """404, or 405 where the path exists under another method."""
    allowed = sorted(
        method for one in endpoints() if one.matches(request.url.path) for method in one.methods
    )
    if allowed:
        raise Refusal(
            405,
            f"/api/{rest} takes {', '.join(allowed)}, not {request.method}.",
            headers={"Allow": ", ".join(allowed)},
        )
    raise Refusal(404, f"/api/{rest} is no endpoint; /docs lists them.")


@dataclass(frozen=True)
class Endpoint:
    """A path template with the methods that it takes."""

    template: str
    pattern: re.Pattern[str]
    methods: frozenset[str]

    def matches(self, path: str) -> bool:
        return self.pattern.match(path) is not None


@cache
def endpoints() -> tuple[Endpoint, ...]:
    """Every endpoint of the API, without the catch-all."""
    found = []
    for route in iter_route_contexts(router.routes):
        if route.path is not None and route.endpoint is not refuse_path:
            found.append(
                Endpoint(route.path, compile_path(route.path)[0], frozenset(route.methods or ()))
            )
    return tuple(found)


def template_of(path: str) -> str:
    """The template that a request's path fits, for metrics; "other" outside the API's endpoints."""
    return next((one.template for one in endpoints() if one.matches(path)), "other")
