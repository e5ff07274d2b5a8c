"""The dashboard's only way to data: one typed method per endpoint of the HTTP API.

The same client serves both shapes of deployment: in one process it calls the FastAPI object through
an ASGI transport (no socket), apart it calls a base URL. A failure of any kind is an `ApiProblem`.
"""

from __future__ import annotations

from typing import Any, TypeVar
from urllib.parse import quote

import httpx
from fastapi import FastAPI
from pydantic import BaseModel, ValidationError

from app.visitor import forwarded
from backend import schemas as wire
from backend.schemas import graph as graph_wire
from backend.schemas import statistics as stats
from backend.schemas.browse.claims import JudgedBuildList
from backend.schemas.prompt_sets import SteerSetRequest, SteerSetResponse
from backend.schemas.saes import SaeCard

ResponseT = TypeVar("ResponseT", bound=BaseModel)
Params = dict[str, str | int | float | bool | None]
READ_SECONDS = 120.0  # a queued live request waits for the ones before it


class ApiProblem(Exception):
    """A failed call.

    Holds the problem details that the API sent, or says that it could not be reached.
    """

    def __init__(self, status: int, title: str, detail: str, request_id: str = "") -> None:
        super().__init__(f"{title}: {detail}")
        self.status = status
        self.title = title
        self.detail = detail
        self.request_id = request_id

    def as_dict(self) -> dict[str, str | int]:
        """What the status line stores."""
        return {
            "status": self.status,
            "title": self.title,
            "detail": self.detail,
            "request_id": self.request_id,
        }


class ApiClient:
    """Typed access to the HTTP API. Every method raises `ApiProblem` and nothing else."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self._http = http

    @classmethod
    def in_process(cls, server: FastAPI) -> ApiClient:
        """Calls `server` directly: no socket, no second process."""
        transport = httpx.ASGITransport(
            app=server, raise_app_exceptions=False, client=("in-process", 0)
        )
        return cls(
            httpx.AsyncClient(
                transport=transport, base_url="http://in-process", timeout=READ_SECONDS
            )
        )

    @classmethod
    def at(cls, base_url: str) -> ApiClient:
        """Calls an API served elsewhere, e.g. http://127.0.0.1:8000."""
        return cls(httpx.AsyncClient(base_url=base_url, timeout=READ_SECONDS))

    async def health(self) -> wire.Health:
        return await self._get("/api/health", wire.Health)

    async def capabilities(self) -> wire.Capabilities:
        return await self._get("/api/capabilities", wire.Capabilities)

    async def sae(self, sae_id: str) -> SaeCard:
        return await self._get(f"/api/saes/{quote(sae_id, safe='')}", SaeCard)

    async def builds(self) -> wire.BuildList:
        return await self._get("/api/builds", wire.BuildList)

    async def tokens(self, **query: str | int | None) -> wire.TokenPage:
        return await self._get("/api/tokens", wire.TokenPage, dict(query))

    async def token(
        self, token_id: int, *, limit: int = 20, **query: str | bool | None
    ) -> wire.TokenDetail:
        return await self._get(
            f"/api/tokens/{token_id}", wire.TokenDetail, {"limit": limit, **query}
        )

    async def coverage(
        self, sae_id: str, **query: str | int | float | None
    ) -> wire.CoverageResponse:
        return await self._get("/api/coverage", wire.CoverageResponse, {"sae_id": sae_id, **query})

    async def rarefaction(
        self, sae_id: str, **query: str | int | None
    ) -> stats.RarefactionResponse:
        return await self._get(
            "/api/rarefaction", stats.RarefactionResponse, {"sae_id": sae_id, **query}
        )

    async def intersections(
        self, sae_id: str, token_ids: str, **query: int | None
    ) -> stats.IntersectionsResponse:
        given: Params = {"sae_id": sae_id, "token_ids": token_ids, **query}
        return await self._get("/api/intersections", stats.IntersectionsResponse, given)

    async def statistics(
        self, sae_id: str, **query: float | int | None
    ) -> stats.StatisticsResponse:
        return await self._get(
            "/api/statistics", stats.StatisticsResponse, {"sae_id": sae_id, **query}
        )

    async def token_statistics(
        self, sae_id: str, *, limit: int = 100
    ) -> stats.TokenStatisticsResponse:
        given: Params = {"sae_id": sae_id, "limit": limit}
        return await self._get("/api/statistics/tokens", stats.TokenStatisticsResponse, given)

    async def features(self, sae_id: str, **query: str | int | float | None) -> wire.FeaturePage:
        return await self._get("/api/features", wire.FeaturePage, {"sae_id": sae_id, **query})

    async def feature(
        self, sae_id: str, feature_index: int, *, limit: int = 10, **query: int | float | None
    ) -> wire.FeatureDetail:
        path = f"/api/features/{sae_id}/{feature_index}"
        return await self._get(path, wire.FeatureDetail, {"limit": limit, **query})

    async def graph(self, sae_id: str, **query: str | int | None) -> graph_wire.GraphResponse:
        return await self._get("/api/graph", graph_wire.GraphResponse, {"sae_id": sae_id, **query})

    async def graph_degrees(
        self, sae_id: str, **query: str | int | None
    ) -> graph_wire.GraphDegreesResponse:
        return await self._get(
            "/api/graph/degrees", graph_wire.GraphDegreesResponse, {"sae_id": sae_id, **query}
        )

    async def consolidation_loss(self, **query: str) -> wire.LossResponse:
        return await self._get("/api/consolidation/loss", wire.LossResponse, dict(query))

    async def consolidation_features(self, **query: str) -> wire.CheckpointFeatures:
        return await self._get("/api/consolidation/features", wire.CheckpointFeatures, dict(query))

    async def consolidation_coverage(self, **query: str) -> wire.CheckpointCoverage:
        return await self._get("/api/consolidation/coverage", wire.CheckpointCoverage, dict(query))

    async def consolidation_generations(self, **query: str) -> wire.Generations:
        return await self._get("/api/consolidation/generations", wire.Generations, dict(query))

    async def claims(self) -> wire.ClaimList:
        return await self._get("/api/claims", wire.ClaimList)

    async def judged_builds(self) -> JudgedBuildList:
        return await self._get("/api/claims/builds", JudgedBuildList)

    async def experiments(self) -> wire.ExperimentList:
        return await self._get("/api/experiments", wire.ExperimentList)

    async def experiment_answers(self, name: str) -> wire.ExperimentAnswers:
        return await self._get(f"/api/experiments/{name}/answers", wire.ExperimentAnswers)

    async def tokenize(self, request: wire.TokenizeRequest) -> wire.TokenizeResponse:
        return await self._post("/api/tokenize", request, wire.TokenizeResponse)

    async def inspect(self, request: wire.InspectRequest) -> wire.InspectResponse:
        return await self._post("/api/inspect", request, wire.InspectResponse)

    async def reactivation(self, request: wire.ReactivationRequest) -> wire.ReactivationResponse:
        return await self._post("/api/reactivation", request, wire.ReactivationResponse)

    async def steer(self, request: wire.SteerRequest) -> wire.SteerResponse:
        return await self._post("/api/steer", request, wire.SteerResponse)

    async def reactivation_set(
        self, request: wire.ReactivationSetRequest
    ) -> wire.ReactivationSetResponse:
        return await self._post("/api/reactivation/set", request, wire.ReactivationSetResponse)

    async def steer_set(self, request: SteerSetRequest) -> SteerSetResponse:
        return await self._post("/api/steer/set", request, SteerSetResponse)

    async def lens(self, request: wire.LensRequest) -> wire.LensResponse:
        return await self._post("/api/lens", request, wire.LensResponse)

    async def patch(self, request: wire.PatchRequest) -> wire.PatchResponse:
        """The whole map: the stream read to its end. A failure that it ends with is raised like
        any other."""
        reply = await self._send("POST", "/api/patch", json=request.model_dump(mode="json"))
        event, data = (
            line.split(": ", 1)[1] for line in reply.text.strip().split("\n\n")[-1].split("\n")
        )
        if event == "error":
            problem = wire.ErrorFrame.model_validate_json(data).problem
            raise ApiProblem(problem.status, problem.title, problem.detail, problem.request_id)
        final = self._parsed_text(data, reply, wire.PatchFinalFrame)
        if final.status != "done" or final.result is None:
            raise ApiProblem(503, "Cancelled", "The patch map was cancelled before it was whole.")
        return final.result

    async def strength(self, request: wire.StrengthRequest) -> wire.StrengthResponse:
        return await self._post("/api/strength", request, wire.StrengthResponse)

    async def record(self, request: wire.RunRequest) -> wire.RunCreated:
        return await self._post("/api/runs", request, wire.RunCreated)

    async def run(self, run_id: str) -> wire.Run:
        return await self._get(f"/api/runs/{run_id}", wire.Run)

    async def compare_build(self, identity: str) -> wire.BuildComparison:
        return await self._get(f"/api/builds/{identity}", wire.BuildComparison)

    async def _get(
        self, path: str, response: type[ResponseT], query: Params | None = None
    ) -> ResponseT:
        given = {name: value for name, value in (query or {}).items() if value is not None}
        return self._parsed(await self._send("GET", path, params=given), response)

    async def _post(self, path: str, request: BaseModel, response: type[ResponseT]) -> ResponseT:
        return self._parsed(
            await self._send("POST", path, json=request.model_dump(mode="json")), response
        )

    async def _send(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        try:
            reply = await self._http.request(
                method, path, headers=dict(forwarded.get() or {}), **arguments
            )
        except httpx.HTTPError as error:
            raise ApiProblem(
                0, "The API cannot be reached", f"{method} {path}: {error!r}"
            ) from error
        if reply.is_success:
            return reply
        try:
            problem = wire.Problem.model_validate_json(reply.content)
        except ValidationError as error:
            detail = f"{method} {path} answered {reply.status_code} without problem details"
            raise ApiProblem(reply.status_code, "Unexpected answer", detail) from error
        raise ApiProblem(problem.status, problem.title, problem.detail, problem.request_id)

    @classmethod
    def _parsed(cls, reply: httpx.Response, response: type[ResponseT]) -> ResponseT:
        return cls._parsed_text(reply.content, reply, response)

    @staticmethod
    def _parsed_text(
        text: str | bytes, reply: httpx.Response, response: type[ResponseT]
    ) -> ResponseT:
        """`text`: a part of the reply."""
        try:
            return response.model_validate_json(text)
        except ValidationError as error:
            request_id = reply.headers.get("x-request-id", "")
            detail = (
                f"{reply.request.url.path} does not match {response.__name__}: "
                f"{error.errors()[0]['loc']}"
            )
            raise ApiProblem(
                reply.status_code, "The API's version differs", detail, request_id
            ) from error
