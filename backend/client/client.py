"""`Client`: a method for each thing that the HTTP API does."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Literal
from urllib.parse import quote

import httpx

from backend import schemas as wire
from backend.client import streams
from backend.client.connection import Connection, ResponseT, ending
from backend.client.interventions import Intervention
from backend.client.labels import LabelCalls
from backend.client.signatures import takes
from backend.client.streams import Stream
from backend.schemas import graph as graph_wire
from backend.schemas.saes import SaeCard

URL = "http://127.0.0.1:8050"
Kind = Literal["inspect", "steer"]


class Client(LabelCalls):
    """The HTTP API of one server. Every method raises `ApiError` for whatever goes wrong."""

    def __init__(
        self,
        url: str | None = None,
        token: str | None = None,
        *,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        """url: of the server; left out: FUNCTIONSCOPE_API_URL, else http://127.0.0.1:8050. token:
        of a server that asks for one; left out: FUNCTIONSCOPE_TOKEN.
        """
        where = url or os.environ.get("FUNCTIONSCOPE_API_URL") or URL
        key = token or os.environ.get("FUNCTIONSCOPE_TOKEN")
        self._api = Connection(where, key, transport)

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"Client({self._api.url!r})"

    def close(self) -> None:
        """Let go of the connection."""
        self._api.close()

    def get(self, path: str, **query: Any) -> Any:
        """Any other GET of the API (/docs lists them), as plain JSON."""
        return self._api.anything("GET", path, params=query)

    # -- what is served ----------------------------------------------------------------------------

    def health(self) -> wire.Health:
        """Whether the server is live, and why it is not."""
        return self._api.json("GET", "/api/health", wire.Health)

    def capabilities(self) -> wire.Capabilities:
        """The model, its SAEs (the ids that the other calls take), the build, the limits."""
        return self._api.json("GET", "/api/capabilities", wire.Capabilities)

    def sae(self, sae_id: str) -> SaeCard:
        """What is known of one SAE, and where each figure was measured."""
        return self._api.json("GET", f"/api/saes/{quote(sae_id, safe='')}", SaeCard)

    # -- the build ---------------------------------------------------------------------------------

    @takes(wire.TokensQuery)
    def tokens(self, q: str | None = None, **settings: Any) -> wire.TokenPage:
        """Tokens of the vocabulary, searched by text or id; a page of them."""
        return self._api.json("GET", "/api/tokens", wire.TokenPage, params={"q": q, **settings})

    @takes(wire.TokenQuery)
    def token(self, token_id: int, **settings: Any) -> wire.TokenDetail:
        """One token: its class and frequency, and in each layer the features that fire at it."""
        path = f"/api/tokens/{token_id}"
        return self._api.json("GET", path, wire.TokenDetail, params=settings)

    @takes(wire.CoverageQuery)
    def coverage(self, sae_id: str, **settings: Any) -> wire.CoverageResponse:
        """The share of an SAE's features that the first tokens of an order reach, rank by rank."""
        given = {"sae_id": sae_id, **settings}
        return self._api.json("GET", "/api/coverage", wire.CoverageResponse, params=given)

    @takes(wire.FeaturesQuery)
    def features(self, sae_id: str, q: str | None = None, **settings: Any) -> wire.FeaturePage:
        """Features of one SAE: filtered, ordered, then a page of them. `q` searches the tokens that
        fire a feature or that it promotes.
        """
        given = {"sae_id": sae_id, "q": q, **settings}
        return self._api.json("GET", "/api/features", wire.FeaturePage, params=given)

    @takes(wire.FeatureQuery)
    def feature(self, sae_id: str, feature_index: int, **settings: Any) -> wire.FeatureDetail:
        """One feature: how often it fires, at which tokens, what it promotes, its nearest, and
        examples.
        """
        path = f"/api/features/{quote(sae_id)}/{feature_index}"
        return self._api.json("GET", path, wire.FeatureDetail, params=settings)

    @takes(graph_wire.GraphQuery)
    def graph(self, sae_id: str, **settings: Any) -> graph_wire.GraphResponse:
        """The graph of tokens and features, in blocks where it is too large to draw."""
        given = {"sae_id": sae_id, **settings}
        return self._api.json("GET", "/api/graph", graph_wire.GraphResponse, params=given)

    def claims(self) -> list[wire.Claim]:
        """Each claim with its number, interval, control, rule and verdict on this build."""
        return self._api.json("GET", "/api/claims", wire.ClaimList).claims

    def experiments(self) -> list[wire.Experiment]:
        """The experiments that the claims are read from, arm by arm."""
        return self._api.json("GET", "/api/experiments", wire.ExperimentList).experiments

    @takes(wire.ExportQuery)
    def export(self, table: str, to: str | os.PathLike[str], **settings: Any) -> Path:
        """A whole table (tokens, coverage, features or edges) into the file `to`; its name's ending
        says the format (.csv or .parquet) unless `format` does.
        """
        path = Path(to)
        given = {"format": ending(path), **settings}
        return self._api.save(f"/api/export/{quote(table, safe='')}", given, path)

    # -- the model ---------------------------------------------------------------------------------

    @takes(wire.TokenizeRequest)
    def tokenize(self, prompt: str, **settings: Any) -> wire.TokenizeResponse:
        """A prompt's tokens, as the server counts their positions."""
        return self._post("/api/tokenize", wire.TokenizeResponse, {"prompt": prompt, **settings})

    @takes(wire.InspectRequest)
    def inspect(self, prompt: str, **settings: Any) -> wire.InspectResponse:
        """Every firing along a prompt, in all SAEs, and the next tokens at each position."""
        return self._post("/api/inspect", wire.InspectResponse, {"prompt": prompt, **settings})

    @takes(wire.ReactivationRequest)
    def reactivation(self, prompt: str, **settings: Any) -> wire.ReactivationResponse:
        """What fires again along a prompt, beside the same tokens in random orders."""
        return self._post(
            "/api/reactivation", wire.ReactivationResponse, {"prompt": prompt, **settings}
        )

    @takes(wire.LensRequest)
    def lens(self, prompt: str, **settings: Any) -> wire.LensResponse:
        """The tokens that the residual stream promotes after each layer."""
        return self._post("/api/lens", wire.LensResponse, {"prompt": prompt, **settings})

    @takes(wire.StrengthRequest)
    def strength(
        self, prompt: str, features: Sequence[dict[str, Any]], **settings: Any
    ) -> wire.StrengthResponse:
        """What a strength is worth: each feature's corpus percentile, and the residual's norms."""
        sent = {"prompt": prompt, "features": list(features), **settings}
        return self._post("/api/strength", wire.StrengthResponse, sent)

    @takes(wire.SteerRequest)
    def steer(
        self, prompt: str, interventions: Sequence[Intervention], **settings: Any
    ) -> wire.SteerResponse:
        """Baseline and steered arms side by side: next tokens, KL and texts."""
        sent = {"prompt": prompt, "interventions": list(interventions), **settings}
        return self._post("/api/steer", wire.SteerResponse, sent)

    @takes(wire.SteerRequest)
    def steer_stream(
        self, prompt: str, interventions: Sequence[Intervention], **settings: Any
    ) -> Stream[wire.SteerResponse]:
        """The same, token by token."""
        sent = {"prompt": prompt, "interventions": list(interventions), **settings}
        return Stream(self._api, "/api/steer/stream", sent, streams.STEER)

    @takes(wire.SweepRequest)
    def sweep(
        self, prompt: str, sae_id: str, feature_index: int, strengths: Sequence[float], **rest: Any
    ) -> wire.SweepResponse:
        """One feature over a grid of strengths and positions, when every cell is there."""
        with self.sweep_stream(prompt, sae_id, feature_index, strengths, **rest) as stream:
            return stream.result()

    @takes(wire.SweepRequest)
    def sweep_stream(
        self, prompt: str, sae_id: str, feature_index: int, strengths: Sequence[float], **rest: Any
    ) -> Stream[wire.SweepResponse]:
        """The same, as the grid fills."""
        at = {"sae_id": sae_id, "feature_index": feature_index, "strengths": list(strengths)}
        return Stream(self._api, "/api/sweep", {"prompt": prompt, **at, **rest}, streams.SWEEP)

    @takes(wire.PatchRequest)
    def patch(self, prompt_a: str, prompt_b: str, **settings: Any) -> wire.PatchResponse:
        """A's states put into B's run, at every layer and position, when the map is whole."""
        with self.patch_stream(prompt_a, prompt_b, **settings) as stream:
            return stream.result()

    @takes(wire.PatchRequest)
    def patch_stream(
        self, prompt_a: str, prompt_b: str, **settings: Any
    ) -> Stream[wire.PatchResponse]:
        """The same, layer by layer."""
        sent = {"prompt_a": prompt_a, "prompt_b": prompt_b, **settings}
        return Stream(self._api, "/api/patch", sent, streams.PATCH)

    @takes(wire.TraitsRequest)
    def traits_stream(self, **settings: Any) -> Stream[wire.TraitsResponse]:
        """The paper's search for the feature of a trait, step by step."""
        return Stream(self._api, "/api/traits", settings, streams.TRAITS)

    @takes(wire.ReactivationSetRequest)
    def reactivation_stream(
        self, sae_id: str, **settings: Any
    ) -> Stream[wire.ReactivationSetResponse]:
        """The reactivation index over many prompts, as they are counted."""
        sent = {"sae_id": sae_id, **settings}
        return Stream(self._api, "/api/reactivation/set/stream", sent, streams.SET)

    # -- recorded runs -----------------------------------------------------------------------------

    def record(
        self, kind: Kind, *, title: str | None = None, note: str | None = None, **request: Any
    ) -> wire.RunCreated:
        """Record what `inspect` or `steer` answers to the same request, under an id that opens it
        again. `delete_token` is told once.
        """
        named = {n: text for n, text in (("title", title), ("note", note)) if text is not None}
        sent = {"kind": kind, "request": request, **named}
        return self._post("/api/runs", wire.RunCreated, sent)

    def run(self, run_id: str) -> wire.Run:
        """A recorded run, without running anything."""
        return self._api.json("GET", f"/api/runs/{quote(run_id, safe='')}", wire.Run)

    @takes(wire.RunFileQuery)
    def run_file(self, run_id: str, to: str | os.PathLike[str], **settings: Any) -> Path:
        """A recorded run into the file `to`."""
        return self._api.save(f"/api/runs/{quote(run_id, safe='')}/file", settings, Path(to))

    def delete_run(self, run_id: str, delete_token: str) -> wire.RunDeleted:
        """Remove a run for ever; for whoever recorded it."""
        path, owner = f"/api/runs/{quote(run_id, safe='')}", {"X-Delete-Token": delete_token}
        return self._api.json("DELETE", path, wire.RunDeleted, headers=owner)

    def _post(self, path: str, answer: type[ResponseT], body: dict[str, Any]) -> ResponseT:
        return self._api.json("POST", path, answer, body=body)
