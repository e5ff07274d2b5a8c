"""/api/runs: live results under an id that opens them again, exactly."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Header, Path, Query, Request
from fastapi import Response as HttpResponse
from starlette.responses import StreamingResponse

from backend.core.runs import LabelConflict, WrongDeleteToken, run_id_of
from backend.routes.live.work import streamed
from backend.routes.request.lease import Lease, Turns
from backend.routes.request.problems import CONTENT_TYPE, Refusal
from backend.routes.request.served import Backend, Served
from backend.routes.run_files import FORMATS, as_json, as_notebook, as_parquet
from backend.routes.run_recording import (
    Plan,
    RecordedSet,
    determinants,
    plan_of,
    plan_of_set,
    provenance,
    remedy_of,
)
from backend.schemas import (
    Problem,
    ReactivationSetResponse,
    Run,
    RunCreated,
    RunDeleted,
    RunFileQuery,
    RunLabels,
    RunRequest,
)
from backend.schemas.prompt_sets import SteerSetResponse
from backend.schemas.runs import SetRunRequest

router = APIRouter(tags=["runs"])
NOT_YOURS: dict[int | str, dict[str, Any]] = {
    403: {
        "model": Problem,
        "content": {CONTENT_TYPE: {}},
        "description": "not this run's delete token",
    }
}
TAKEN: dict[int | str, dict[str, Any]] = {
    409: {
        "model": Problem,
        "content": {CONTENT_TYPE: {}},
        "description": "the run has another title or note",
    }
}
DeleteToken = Annotated[
    str, Header(max_length=64, description="delete_token of the answer that recorded it")
]
RunId = Annotated[str, Path(max_length=64, description="from POST /api/runs")]


@router.post("/runs", status_code=201, responses=TAKEN)
async def create_run(
    body: RunRequest, served: Served, turns: Turns, answer: HttpResponse
) -> RunCreated:
    """Record a result. The same request on the same weights and build gives the same
    id, and runs once.
    """
    plan = await asyncio.to_thread(plan_of, body, served)
    run_id = run_id_of(body.kind, determinants(plan, served))
    reused = await asyncio.to_thread(served.runs.has, run_id)
    served.metrics.looked_up("runs", hits=int(reused), misses=int(not reused))
    token = None if reused else await _record(run_id, body, plan, served, turns)
    await asyncio.to_thread(_label, run_id, body.title, body.note, served)
    answer.headers["Location"] = f"{served.base}/api/runs/{run_id}"
    url = f"{served.base}/r/{run_id}"
    return RunCreated(run_id=run_id, url=url, reused=reused, delete_token=token)


@router.post(
    "/runs/stream",
    response_class=StreamingResponse,
    responses=TAKEN
    | {200: {"content": {"text/event-stream": {}}, "description": "server-sent events"}},
)
async def stream_run(body: SetRunRequest, served: Served, turns: Turns) -> StreamingResponse:
    """Run over a set of prompts and record what came: the frames of that set's own stream, and in
    the `final` one the run. A cancelled one keeps what came and is not recorded.

    A set that was recorded before is not run again. It may have the model for
    limits.stream_seconds of /api/capabilities in all.
    """
    plan = await asyncio.to_thread(plan_of_set, body, served)
    run_id = run_id_of(body.kind, determinants(plan, served))
    kept = await asyncio.to_thread(served.runs.get, run_id)
    served.metrics.looked_up("runs", hits=int(kept is not None), misses=int(kept is None))
    of = ReactivationSetResponse if body.kind == "reactivation_set" else SteerSetResponse
    known = None if kept is None else of.model_validate(kept.result)
    work = RecordedSet(plan, served, body, run_id, known)
    ticket = turns.take(remedy_of(plan), served.settings.stream_seconds)
    return streamed(work, ticket, served.live.queue)


@router.get("/runs/{run_id}")
def read_run(run_id: RunId, served: Served) -> Run:
    """What was recorded, without running anything."""
    row = served.runs.get(run_id)
    if row is None:
        raise _unknown(run_id)
    return Run.model_validate(vars(row))


@router.get(
    "/runs/{run_id}/file",
    response_class=HttpResponse,
    responses={
        200: {
            "content": {media: {} for _, media in FORMATS.values()},
            "description": "the run as a file",
        }
    },
)
def download_run(
    run_id: RunId, query: Annotated[RunFileQuery, Query()], request: Request, served: Served
) -> HttpResponse:
    """The run as JSON, as Parquet, or as a notebook that makes the number again
    with the public API.
    """
    run = read_run(run_id, served).model_dump(mode="json")
    origin = f"{request.url.scheme}://{request.url.netloc}{served.base}"
    makers: dict[str, Callable[[dict[str, Any]], bytes]] = {
        "json": as_json,
        "parquet": as_parquet,
        "notebook": partial(as_notebook, origin=origin),
    }
    made = makers[query.format](run)
    ending, media = FORMATS[query.format]
    disposition = f'attachment; filename="functionscope-run-{run["run_id"]}.{ending}"'
    return HttpResponse(made, media_type=media, headers={"Content-Disposition": disposition})


@router.patch("/runs/{run_id}", responses=NOT_YOURS | TAKEN)
def label_run(run_id: RunId, body: RunLabels, served: Served, x_delete_token: DeleteToken) -> Run:
    """Give a run its title and note, once; for whoever recorded it."""
    _check_owner(run_id, x_delete_token, served)
    _label(run_id, body.title, body.note, served)
    return read_run(run_id, served)


@router.delete("/runs/{run_id}", responses=NOT_YOURS)
def delete_run(run_id: RunId, served: Served, x_delete_token: DeleteToken) -> RunDeleted:
    """Remove a run for ever. Only whoever recorded it can:
    the token was told once, and only its hash is kept.
    """
    _check_owner(run_id, x_delete_token, served)
    served.runs.delete(run_id, x_delete_token)
    return RunDeleted(run_id=run_id)


def _check_owner(run_id: str, token: str, served: Backend) -> None:
    try:
        served.runs.check_owner(run_id, token)
    except KeyError as error:
        raise _unknown(run_id) from error
    except WrongDeleteToken as error:
        raise Refusal(
            403, f"That is not the delete token of run {run_id!r}; whoever recorded it was told it."
        ) from error


def _label(run_id: str, title: str | None, note: str | None, served: Backend) -> None:
    try:
        served.runs.label(run_id, title, note)
    except LabelConflict as error:
        raise Refusal(409, str(error)) from error


def _unknown(run_id: str) -> Refusal:
    return Refusal(404, f"No run {run_id!r} is recorded on this server.")


async def _record(
    run_id: str, body: RunRequest, plan: Plan, served: Backend, turns: Lease
) -> str | None:
    """Run the plan and put the result away;
    its delete token. A result that was cut short is not recorded.
    """
    ticket = await turns.turn(remedy_of(plan))
    result = await ticket.run(partial(plan.run, ticket.stop))
    if result is None or ticket.stop.is_set():
        raise Refusal(503, "The run was cancelled; nothing was recorded.")
    put = partial(served.runs.put, run_id, body.kind, request=body.request.model_dump(mode="json"))
    return await asyncio.to_thread(
        put, result=result.model_dump(mode="json"), provenance=provenance(plan, served)
    )
