"""What the server is, has loaded and allows."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from backend.schemas.base import LiveState, Mode, PositionRule, Response


class Sae(Response):
    sae_id: str = Field(description="id used by every endpoint")
    layer: int = Field(description="residual stream after this decoder layer")
    d_sae: int = Field(description="width of the dictionary")
    l0: float | None = Field(description="measured mean firings per position; null = not measured")
    live: bool = Field(description="loaded: /api/inspect and /api/steer take it")
    in_build: bool = Field(description="the build has its edges")
    use: Literal["browse", "steer", "both"] = Field(description="what the preset has it for")
    n_active: int | None = Field(description="features that fire anywhere in the build")
    theta_grid: list[float] = Field(description="theta values that /api/coverage takes for it")
    coverage_10: float | None = Field(
        default=None, description="share of active features that the 10 most frequent tokens reach"
    )


class Build(Response):
    name: str = Field(description="file name of the build")
    identity: str = Field(
        default="", description="hash of the provenance: two builds with one hold the same numbers"
    )
    provenance: dict[str, Any] = Field(description="ids, revisions, hashes, dtype, job settings")
    saes: list[Sae] = Field(description="SAEs whose edges it holds")
    edges_from: int = Field(
        default=1,
        description="firings from which an edge is listed; curves, degrees and features count all",
    )
    coverage_theta_place: int = Field(
        default=0, description="place in each SAE's theta_grid that the coverage page opens on"
    )
    coverage_min_count: int = Field(
        default=1, description="min_count that the coverage page opens on"
    )


class Difference(Response):
    name: str = Field(description="entry of the provenance, dotted")
    here: str | None = Field(description="what the build says that is served; null = nothing")
    there: str | None = Field(description="what the other build said; null = nothing")


class BuildComparison(Response):
    """Another build beside the one being served:
    what a link that was made on it cannot show here.
    """

    identity: str = Field(description="as asked for: the first hex digits of a build's identity")
    same: bool = Field(description="it is the build being served")
    known: bool = Field(description="this server has served it, so the differences can be told")
    differences: list[Difference] = Field(description="entries that differ; empty when unknown")


class BuildList(Response):
    builds: list[Build] = Field(description="the build being served; empty when there is none")


class Model(Response):
    n_layers: int = Field(description="decoder layers")
    d_model: int = Field(description="width of the residual stream")
    vocab_size: int = Field(description="entries of the vocabulary")
    n_parameters: int = Field(description="weights, tied ones counted once")
    context: int = Field(description="positions the model takes, prompt and answer together")
    dtype: str = Field(description="dtype of the forward pass")
    device: str = Field(description="cpu, cuda:0 …")
    chat: bool = Field(description="the tokenizer has a chat template")
    fingerprint: str = Field(description="hash of the weights and the tokenizer")


class Demonstration(Response):
    """A worked example that the preset ships: opens the steering page filled in."""

    title: str = Field(description="what it shows")
    prompt: str = Field(description="prompt to steer")
    sae_id: str = Field(description="which SAE")
    feature_index: int = Field(description="dictionary entry")
    mode: Mode = Field(description="kind of intervention")
    value: float = Field(description="strength, in activation units (a factor for scale)")
    positions: PositionRule | list[int] = Field(description="where it applies")
    note: str = Field(default="", description="what was measured, and on what")
    prefix: str = Field(default="", description="text before the prompt")
    stop: list[str] = Field(default=[], description="strings before which its texts end")


class Opening(Response):
    """What the live pages open with: the preset's prompt format, and which SAE suits which page."""

    prefix: str = Field(default="", description="text before every prompt; empty = none")
    chat: bool = Field(
        default=False, description="its prompts are user turns of the model's chat template"
    )
    stop: list[str] = Field(default=[], description="strings before which an answer ends")
    reactivation: list[str] = Field(
        default=[], description="one prompt, or two to lay side by side"
    )
    steer: str = Field(
        default="", description="prompt of Steering where no demonstration is opened"
    )
    default_sae: dict[str, str] = Field(
        default={},
        description="page -> sae_id (overview, coverage, graph, features, reactivation, steer)",
    )


class Limits(Response):
    prompt_tokens: int = Field(description="positions of a prompt without its prefix, BOS included")
    prefix_tokens: int = Field(description="positions of a prefix, BOS included")
    prompt_chars: int = Field(description="characters of a prompt, and of a prefix")
    interventions: int = Field(description="interventions of one steer request")
    samples: int = Field(description="texts per arm")
    sweep_cells: int = Field(description="cells of one sweep: strengths times positions")
    patch_cells: int = Field(
        description="cells of one patch map: layers times positions, twice that with a control"
    )
    lens_rows: int = Field(description="rows of one reading in words: layers times positions")
    trait_prompts: int = Field(description="contrast and test prompts of one trait search together")
    max_new_tokens: int = Field(description="generated tokens per text")
    next_tokens: int = Field(description="next tokens listed per position")
    temperature: float = Field(description="largest temperature")
    value: float = Field(description="largest absolute intervention value")
    body_bytes: int = Field(description="bytes of a request body")
    upload_bytes: int = Field(
        description="bytes of a body of POST /api/prompts, a file in base64 included"
    )
    set_prompts: int = Field(description="prompts of one set, reactivation or steering")
    shuffles: int = Field(description="random orders of a prompt in a reactivation request")
    alphas: int = Field(description="α of one trait search")
    queue: int = Field(description="live requests that may wait")
    page: int = Field(description="rows of one page of a list")
    coverage_rows: int = Field(description="ranks of one coverage answer")
    export_rows: int = Field(description="rows of one exported table")
    statistics_rows: int = Field(description="tokens of one answer of /api/statistics/tokens")
    intersection_tokens: int = Field(
        description="tokens of one answer of /api/intersections, or of /api/rarefaction"
    )
    graph_edges: int = Field(description="cells of one answer of /api/graph")
    requests_per_minute: int = Field(
        description="reading requests of one client; clients on loopback are not counted"
    )
    live_per_minute: int = Field(description="live requests of one client; likewise")
    live_seconds: float = Field(
        description="seconds that one live request may have the model; of a stream in turns, one "
        "of its steps"
    )
    stream_seconds: float = Field(
        description="seconds that a sweep, a trait search or a streamed reactivation set may "
        "have the model in all"
    )
    live_bytes: int | None = Field(
        default=None,
        description="bytes that one live request may take beside the weights; null = what is "
        "free then",
    )
    body_seconds: float = Field(description="seconds in which a body must arrive")


class Capabilities(Response):
    model: str = Field(description="the model's name, as the preset gives it")
    model_info: Model | None = Field(description="null until the model is loaded")
    saes: list[Sae] = Field(description="every SAE that is live or in the build")
    build: Build | None = Field(description="null without a build")
    live: bool = Field(description="/api/inspect and /api/steer answer now")
    live_state: LiveState = Field(description="absent = served without a model")
    live_detail: str = Field(
        description="live on cpu, loading the model, or why not and the remedy"
    )
    preset: str = Field(description="name of the preset")
    licence: str = Field(default="", description="notice of the model's licence")
    origin: str = Field(
        default="", description="what the weights are, where the model's name does not say it"
    )
    n_parameters: int | None = Field(
        default=None,
        description="weights of the model, tied ones counted once, as the preset states them; "
        "null = not stated",
    )
    default_prompt: str = Field(description="what the prompt box holds at first")
    prompts: list[str] = Field(description="the built-in pair to compare")
    demonstrations: list[Demonstration] = Field(description="worked steering examples")
    opening: Opening = Field(default_factory=Opening, description="what the live pages open with")
    theta_grid: list[float] = Field(
        description="theta values that /api/coverage takes for some SAE; each SAE lists its own"
    )
    min_count_grid: list[int] = Field(description="min_count values worth offering")
    orders: list[str] = Field(description="orders that /api/coverage takes")
    limits: Limits = Field(description="bounds that this server enforces")
    training_of: str = Field(
        default="", description="whose training Consolidation shows; empty: the model's own"
    )
    token_required: bool = Field(
        default=False,
        description="live work and writing need FUNCTIONSCOPE_TOKEN: /unlock, or a bearer header",
    )
    version: str = Field(description="version of FunctionScope")


class Health(Response):
    status: Literal["live", "loading", "degraded", "down"] = Field(
        description="live = all that was configured works; degraded = a part of it, see why; "
        "down = no build, no model"
    )
    why: list[str] = Field(
        default=[], description="what is wrong, each with its file and remedy; empty when live"
    )
    locked: bool = Field(
        default=False, description="live work needs the token, which this client has not given"
    )
    live: LiveState = Field(description="state of the model")
    live_detail: str = Field(description="the same in words, with the remedy")
    queue: int = Field(description="live requests waiting or running now")
    queue_position: int | None = Field(
        default=None,
        description="requests before this client's latest one; 0 = it runs; null = it has none "
        "in the queue",
    )
    build: bool = Field(description="a build is being served")
    build_detail: str = Field(description="its file name, or why there is none and the remedy")
    version: str = Field(description="version of FunctionScope")
