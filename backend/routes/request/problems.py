"""Every failure leaves as RFC 9457 problem details; this is the only place that builds one."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from backend.core.runs import RunsUnavailable
from backend.core.sae.file import DamagedSae
from backend.core.store import StoreInvalid, StoreMissing
from backend.routes.request.wrong_fields import echo, sentence, wrong_fields
from backend.schemas import FieldError, Problem
from backend.serving.live import NotLive
from backend.serving.logs import request_id
from backend.serving.queueing import LiveTimeout, QueueFull

log = logging.getLogger(__name__)
CONTENT_TYPE = "application/problem+json"

TITLES = {  # where the status's own phrase says nothing to whoever reads it on a page
    401: "A token is needed",
    413: "Too long",
    422: "Not possible as asked",
    429: "Too many at once",
    503: "Not available now",
}


class Refusal(HTTPException):
    """A request that is refused. `errors` name fields; `headers` may carry Retry-After."""

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        errors: Sequence[FieldError] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(status, detail, dict(headers) if headers else None)
        self.errors = list(errors)


def refuse_field(field: str, value: object, allowed: str) -> Refusal:
    """A 422 that names one field, what came and what is allowed."""
    error = FieldError(field=field, value=echo(value), allowed=allowed)
    return Refusal(422, sentence(error), errors=[error])


def problem_of(
    status: int, detail: str, errors: Sequence[FieldError] = (), identifier: str | None = None
) -> Problem:
    """The body for `status`, stamped with the request id of the current request."""
    return Problem(
        type=f"/docs#problem-{status}",
        title=TITLES.get(status) or HTTPStatus(status).phrase,
        status=status,
        detail=detail,
        request_id=identifier or request_id.get(),
        errors=list(errors) or None,
    )


def respond(problem: Problem, headers: Mapping[str, str] | None = None) -> Response:
    """`problem` on the wire, ASCII-escaped so that nothing a client sent can break the encoding."""
    fields = problem.model_dump(mode="json", exclude={"errors"} if problem.errors is None else None)
    body = json.dumps(fields).encode("ascii")
    return Response(body, problem.status, {**(headers or {}), "Content-Type": CONTENT_TYPE})


async def on_http(_: Request, error: Exception) -> Response:
    """Refusals, and Starlette's own 404 and 405."""
    refused = error if isinstance(error, HTTPException) else HTTPException(500)
    errors = refused.errors if isinstance(refused, Refusal) else ()
    return respond(problem_of(refused.status_code, str(refused.detail), errors), refused.headers)


async def on_validation(_: Request, error: Exception) -> Response:
    """Pydantic's findings, in the API's own words."""
    invalid = error if isinstance(error, RequestValidationError) else None
    errors = wrong_fields(invalid.errors(), invalid.body)[:20] if invalid else []
    return respond(problem_of(422, "; ".join(sentence(one) for one in errors[:3]), errors))


async def on_unavailable(_: Request, error: Exception) -> Response:
    """No live model yet, no build, no place for runs, a damaged SAE: 503 with the remedy."""
    headers = (
        {"Retry-After": str(error.retry_after)}
        if isinstance(error, NotLive) and error.retry_after
        else {}
    )
    return respond(problem_of(503, str(error)), headers)


async def on_full(_: Request, error: Exception) -> Response:
    """The live queue is full."""
    return respond(problem_of(429, str(error)), {"Retry-After": "2"})


def install(app: FastAPI) -> None:
    """Register every handler. Whatever is left over is a 500, answered by `request_context`."""
    app.add_exception_handler(HTTPException, on_http)
    app.add_exception_handler(RequestValidationError, on_validation)
    for unavailable in (
        NotLive,
        LiveTimeout,
        StoreMissing,
        StoreInvalid,
        RunsUnavailable,
        DamagedSae,
    ):
        app.add_exception_handler(unavailable, on_unavailable)
    app.add_exception_handler(QueueFull, on_full)


async def refuse_unknown_parameters(request: Request) -> None:
    """422 for query parameters that the endpoint does not have, and for repeated ones.

    Endpoints with a query model refuse unknown names themselves; this is for all others.
    """
    given = [name for name, _ in request.query_params.multi_items()]
    dependant = getattr(request.scope.get("route"), "dependant", None)
    takes_query = bool(dependant and dependant.query_params)
    errors = [
        FieldError(
            field=echo(name),
            value=echo(request.query_params[name]),
            allowed="no such parameter; see /docs",
        )
        for name in ([] if takes_query else given)
    ]
    errors += [
        FieldError(
            field=echo(name), value=echo(request.query_params.getlist(name)), allowed="one value"
        )
        for name in sorted(set(given))
        if given.count(name) > 1
    ]
    if errors:
        raise Refusal(422, sentence(errors[0]), errors=errors)


def refuse_value(error: ValueError, given: dict[str, Any]) -> Refusal:
    """A 422 from a ValueError of the core, whose message begins with the name of what is wrong."""
    message = str(error)
    name = message.split(" ", 1)[0].strip(":'\"")
    errors = (
        [FieldError(field=name, value=echo(given[name]), allowed=message)] if name in given else []
    )
    return Refusal(422, message, errors=errors)
