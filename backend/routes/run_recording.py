"""What a run is made of: the plan of its request, everything that determines its result, and where
the result came from.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from threading import Event
from typing import Any

import torch
import transformers

from backend.core.fingerprints import tokenizer_hash
from backend.core.runs import LabelConflict
from backend.routes.live import inspect, reactivation, steer, steer_set
from backend.routes.live.inspect import InspectWork, plan_inspect
from backend.routes.live.reactivation import SetWork, plan_set
from backend.routes.live.steer import SteerWork, plan_steer
from backend.routes.live.steer_set import SteerSetWork, plan_steer_set
from backend.routes.live.work import SteppedWork
from backend.routes.request.problems import Refusal
from backend.routes.request.served import Backend
from backend.schemas import (
    InspectRun,
    ReactivationSetResponse,
    Response,
    RunCreated,
    RunRequest,
    SteerRun,
)
from backend.schemas.prompt_sets import SteerSetResponse
from backend.schemas.runs import ReactivationSetRun, SetRunFinalFrame, SetRunRequest
from backend.serving.loading import Loaded

Plan = InspectWork | SteerWork | SetWork | SteerSetWork
SetPlan = SetWork | SteerSetWork
SetResult = ReactivationSetResponse | SteerSetResponse


def plan_of(body: RunRequest, served: Backend) -> Plan:
    """Check the request; blocks for a moment."""
    if isinstance(body, InspectRun):
        return plan_inspect(body.request, served)
    if isinstance(body, SteerRun):
        return plan_steer(body.request, served)
    return plan_of_set(body, served)


def plan_of_set(body: SetRunRequest, served: Backend) -> SetPlan:
    """The same of a set."""
    if isinstance(body, ReactivationSetRun):
        return plan_set(body.request, served)
    return plan_steer_set(body.request, served)


def remedy_of(plan: Plan) -> str:
    """What can be asked less of."""
    if isinstance(plan, SetWork):
        return f"{reactivation.LESS_OF_SET}, or use /api/runs/stream, which may run for longer"
    if isinstance(plan, SteerSetWork):
        return f"{steer_set.LESS}, or use /api/runs/stream, which may run for longer"
    return inspect.LESS if isinstance(plan, InspectWork) else steer.LESS


def determinants(plan: Plan, served: Backend) -> dict[str, Any]:
    """Everything that the result depends on, as plain JSON.

    Not controls_left_out, which follows from the rest: runs keep the ids that they had before it
    was told.
    """
    ids = plan.prompt.token_ids if isinstance(plan, InspectWork | SteerWork) else plan.token_ids
    return {
        "effective": {
            name: value for name, value in plan.effective.items() if name != "controls_left_out"
        },
        "token_ids": ids,
        "build": served.build.identity(),
        **_weights(plan),
    }


def provenance(plan: Plan, served: Backend) -> dict[str, Any]:
    """Told with the run."""
    loaded = _loaded(plan)
    return {
        "preset": served.preset.name,
        "model": served.preset.title,
        "model_source": served.preset.revision or "",
        **_weights(plan),
        "device": str(loaded.lm.device),
        "build": served.build.identity(),
        "version": served.version,
        # told, but no part of the id: a run is the same run on a newer torch
        "torch_version": str(torch.__version__),
        "transformers_version": transformers.__version__,
        # what was found not to fit of the SAEs, by then
        "warnings": served.fits.warnings_of(sae.sae_id for sae in plan.saes),
        # None: its files are not known
        "tokenizer_hash": tokenizer_hash(loaded.files.get("model", {})),
    }


def _weights(plan: Plan) -> dict[str, Any]:
    loaded = _loaded(plan)
    return {
        "model_hash": loaded.fingerprint,
        "sae_hashes": {sae.sae_id: loaded.sae_hashes[sae.sae_id] for sae in plan.saes},
        "dtype": str(loaded.lm.dtype).removeprefix("torch."),
    }


def _loaded(plan: Plan) -> Loaded:
    return plan.prompt.loaded if isinstance(plan, InspectWork | SteerWork) else plan.loaded


@dataclass
class RecordedSet(SteppedWork[Any, Any]):
    """A set that is recorded as it ends. `known`: the result of the same set, recorded before:
    nothing is run then.
    """

    plan: SetPlan
    served: Backend
    body: RunRequest
    run_id: str
    known: SetResult | None = None

    def steps(self, stop: Event) -> Iterator[Any]:
        return iter(()) if self.known is not None else self.plan.steps(stop)

    def result(self) -> Any:
        return self.known if self.known is not None else self.plan.result()

    def frame(self, step: Any) -> Response | None:
        return self.plan.frame(step)

    def final(self, *, stopped: bool) -> SetRunFinalFrame:
        """A part is no run: a set that was cancelled is told and not recorded."""
        whole = self.known is not None or self.plan.finished
        result = self.result()
        return SetRunFinalFrame(
            seq=0,
            status="done" if whole else "cancelled",
            result=result,
            run=self._recorded(result) if whole else None,
        )

    def _recorded(self, result: SetResult) -> RunCreated:
        runs = self.served.runs
        put = partial(runs.put, self.run_id, self.body.kind)
        token = (
            None
            if self.known is not None
            else put(
                request=self.body.request.model_dump(mode="json"),
                result=result.model_dump(mode="json"),
                provenance=provenance(self.plan, self.served),
            )
        )
        try:
            runs.label(self.run_id, self.body.title, self.body.note)
        except LabelConflict as error:
            raise Refusal(409, str(error)) from error
        return RunCreated(
            run_id=self.run_id,
            url=f"/r/{self.run_id}",
            reused=self.known is not None,
            delete_token=token,
        )
