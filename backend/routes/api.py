"""The router of /api: every family, then a catch-all, since pages answer every other path with HTML."""

from __future__ import annotations

from fastapi import APIRouter, Depends, Request
from starlette.routing import Match

from backend.routes import coverage, features, inspect, runs, server, steer, tokens
from backend.routes.dependencies import refuse_unknown_parameters
from backend.routes.problems import CONTENT_TYPE, Refusal
from backend.schemas import Problem

METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
_PROBLEM = {"model": Problem, "content": {CONTENT_TYPE: {}}}
FAILURES = {
    404: _PROBLEM | {"description": "no such thing"},
    422: _PROBLEM | {"description": "a field is wrong: `errors` names it, its value and what is allowed"},
    503: _PROBLEM | {"description": "no live model or no build: `detail` has the remedy"},
}
LIVE_FAILURES = {
    413: _PROBLEM | {"description": "too long: both numbers are in `detail`"},
    429: _PROBLEM | {"description": "the queue is full: see Retry-After"},
}

router = APIRouter(prefix="/api", dependencies=[Depends(refuse_unknown_parameters)], responses={**FAILURES})
for family in (server, tokens, coverage, features):
    router.include_router(family.router)
for family in (inspect, steer, runs):
    router.include_router(family.router, responses={**LIVE_FAILURES})


@router.api_route("/{rest:path}", methods=METHODS, include_in_schema=False)
def refuse_path(rest: str, request: Request) -> None:
    """404, or 405 where the path exists under another method."""
    allowed = sorted(
        {
            method
            for route in router.routes
            if getattr(route, "path", "") != "/api/{rest:path}"
            and route.matches(request.scope)[0] is Match.PARTIAL
            for method in getattr(route, "methods", ())
        }
    )
    if allowed:
        raise Refusal(
            405,
            f"/api/{rest} takes {', '.join(allowed)}, not {request.method}.",
            headers={"Allow": ", ".join(allowed)},
        )
    raise Refusal(404, f"/api/{rest} is no endpoint; /docs lists them.")
