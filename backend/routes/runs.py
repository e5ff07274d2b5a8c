"""/api/runs: live results under an id that opens them again, exactly."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Path
from fastapi import Response as HttpResponse

from backend.core.runs import LabelConflict, run_id_of
from backend.core.sae import Sae
from backend.routes.dependencies import Backend, Lease, Served, Turns
from backend.routes.experiment import Experiment, SteerPlan, plan_steer
from backend.routes.inspect import InspectPlan, plan_inspect
from backend.routes.problems import Refusal
from backend.schemas import InspectRun, Run, RunCreated, RunRequest

router = APIRouter(tags=["runs"])


@router.post("/runs", status_code=201)
async def create_run(body: RunRequest, served: Served, turns: Turns, answer: HttpResponse) -> RunCreated:
    """Record a result. The same request on the same weights and build gives the same id, and runs once."""
    plan = await asyncio.to_thread(_plan, body, served)
    run_id = run_id_of(body.kind, determinants(plan, served))
    reused = await asyncio.to_thread(served.runs.has, run_id)
    if not reused:
        await _record(run_id, body, plan, served, turns)
    try:
        await asyncio.to_thread(served.runs.label, run_id, body.title, body.note)
    except LabelConflict as error:
        raise Refusal(409, str(error)) from error
    answer.headers["Location"] = f"/api/runs/{run_id}"
    return RunCreated(run_id=run_id, url=f"/r/{run_id}", reused=reused)


@router.get("/runs/{run_id}")
def read_run(run_id: Annotated[str, Path(max_length=64, description="from POST /api/runs")], served: Served) -> Run:
    """What was recorded, without running anything."""
    row = served.runs.get(run_id)
    if row is None:
        raise Refusal(404, f"No run {run_id!r} is recorded on this server.")
    return Run.model_validate(vars(row))


def determinants(plan: InspectPlan | SteerPlan, served: Backend) -> dict[str, Any]:
    """Everything that the result depends on, as plain JSON."""
    return {
        "effective": plan.effective,
        "token_ids": plan.prompt.token_ids,
        "build": served.build.identity(),
        **_weights(plan),
    }


def _weights(plan: InspectPlan | SteerPlan) -> dict[str, Any]:
    loaded = plan.prompt.loaded
    return {
        "model_hash": loaded.fingerprint,
        "sae_hashes": {sae.sae_id: loaded.sae_hashes[sae.sae_id] for sae in _saes(plan)},
        "dtype": str(loaded.lm.dtype).removeprefix("torch."),
    }


def _saes(plan: InspectPlan | SteerPlan) -> list[Sae]:
    return plan.saes if isinstance(plan, InspectPlan) else [edit.sae for edit in plan.edits]


def _plan(body: RunRequest, served: Backend) -> InspectPlan | SteerPlan:
    if isinstance(body, InspectRun):
        return plan_inspect(body.request, served)
    return plan_steer(body.request, served)


async def _record(run_id: str, body: RunRequest, plan: InspectPlan | SteerPlan, served: Backend, turns: Lease) -> None:
    """Run the plan and put the result away. A result that was cut short is not recorded."""
    ticket = await turns.turn()
    result = await ticket.run(plan.run if isinstance(plan, InspectPlan) else Experiment(plan, ticket.stop).run)
    if ticket.stop.is_set():
        raise Refusal(503, "The run was cancelled; nothing was recorded.")
    provenance = {
        "preset": served.preset.name,
        "model": served.preset.title,
        "model_source": served.preset.revision or "",
        **_weights(plan),
        "device": str(plan.prompt.loaded.lm.device),
        "build": served.build.identity(),
        "version": served.version,
    }
    put = partial(served.runs.put, run_id, body.kind, request=body.request.model_dump(mode="json"))
    await asyncio.to_thread(put, result=result.model_dump(mode="json"), provenance=provenance)
