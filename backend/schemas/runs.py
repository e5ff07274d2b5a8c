"""Recorded runs."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from backend.schemas.base import Request, Response, Text
from backend.schemas.prompt_sets import SteerSetRequest, SteerSetResponse
from backend.schemas.prompts import InspectRequest
from backend.schemas.reactivation import ReactivationSetRequest, ReactivationSetResponse
from backend.schemas.steering import SteerRequest


class InspectRun(Request):
    kind: Literal["inspect"] = Field(description="what to record")
    request: InspectRequest = Field(description="the body of POST /api/inspect")
    title: Text | None = Field(default=None, max_length=200, description="shown above the run")
    note: Text | None = Field(default=None, max_length=4000, description="shown under the title")


class SteerRun(Request):
    kind: Literal["steer"] = Field(description="what to record")
    request: SteerRequest = Field(description="the body of POST /api/steer")
    title: Text | None = Field(default=None, max_length=200, description="shown above the run")
    note: Text | None = Field(default=None, max_length=4000, description="shown under the title")


class ReactivationSetRun(Request):
    kind: Literal["reactivation_set"] = Field(description="what to record")
    request: ReactivationSetRequest = Field(description="the body of POST /api/reactivation/set")
    title: Text | None = Field(default=None, max_length=200, description="shown above the run")
    note: Text | None = Field(default=None, max_length=4000, description="shown under the title")


class SteerSetRun(Request):
    kind: Literal["steer_set"] = Field(description="what to record")
    request: SteerSetRequest = Field(description="the body of POST /api/steer/set")
    title: Text | None = Field(default=None, max_length=200, description="shown above the run")
    note: Text | None = Field(default=None, max_length=4000, description="shown under the title")


SetRunRequest = Annotated[ReactivationSetRun | SteerSetRun, Field(discriminator="kind")]
RunRequest = Annotated[
    InspectRun | SteerRun | ReactivationSetRun | SteerSetRun, Field(discriminator="kind")
]
RunKind = Literal["inspect", "steer", "reactivation_set", "steer_set"]


class RunCreated(Response):
    run_id: str = Field(description="hash of everything that determined the result")
    url: str = Field(description="page that opens it: /r/{run_id}")
    reused: bool = Field(description="it was recorded before; nothing was run now")
    delete_token: str | None = Field(
        default=None,
        description="removes the run again; told once, to whoever recorded it first, and kept by "
        "nobody",
    )


class SetRunFinalFrame(Response):
    """`event: final`: the last frame of a set that is recorded as it ends."""

    seq: int = Field(description="number of the frame")
    status: Literal["done", "cancelled"] = Field(description="how it ended")
    result: ReactivationSetResponse | SteerSetResponse = Field(
        description="over the prompts done; of a cancelled one as far as it came"
    )
    run: RunCreated | None = Field(
        description="where it was recorded; null when cancelled: a part is no run"
    )


class Run(Response):
    run_id: str = Field(description="hash of everything that determined the result")
    kind: RunKind = Field(description="which endpoint it records")
    request: dict[str, Any] = Field(description="the body as it was sent, defaults filled in")
    result: dict[str, Any] = Field(description="what that endpoint answered")
    title: str | None = Field(description="as given")
    note: str | None = Field(description="as given")
    recorded_at: str = Field(description="UTC, ISO 8601")
    provenance: dict[str, Any] = Field(description="model, SAEs, hashes, dtype, device, versions")


class RunLabels(Request):
    title: Text | None = Field(
        default=None, max_length=200, description="shown above the run; given once"
    )
    note: Text | None = Field(
        default=None, max_length=4000, description="shown under the title; given once"
    )


class RunDeleted(Response):
    run_id: str = Field(description="the run that is no longer there")


class RunFileQuery(Request):
    format: Literal["json", "parquet", "notebook"] = Field(
        default="json", description="what to download"
    )
