"""The wire: every request and response of the HTTP API, and nothing else.

Requests are strict: unknown fields, NaN, infinities and numbers written as strings are refused.
Positions count from 0 as the server tokenises (BOS is position 0); activations are in the SAE's
own units; probabilities are after softmax at temperature 1; KL is in nats.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

TokenClass = Literal["function", "content", "special"]
Mode = Literal["add", "clamp", "scale", "ablate"]
PositionRule = Literal["last_function", "last", "all"]
Denominator = Literal["active", "dictionary"]
Interval = Annotated[list[float], Field(min_length=2, max_length=2)]
LiveState = Literal["absent", "loading", "live", "failed"]


class Request(BaseModel):
    """Base of request bodies: strict, and closed to unknown fields."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


class Response(BaseModel):
    """Base of responses: built by the server, read by clients that may be older."""

    model_config = ConfigDict(extra="ignore", allow_inf_nan=False)


class FieldError(Response):
    field: str = Field(description="dotted path of the field, e.g. interventions.0.mode")
    value: Any = Field(description="the value received")
    allowed: str = Field(description="what is allowed instead")


class Problem(Response):
    """RFC 9457 problem details: the body of every failure."""

    type: str = Field(description="URI reference naming the kind of problem")
    title: str = Field(description="the kind of problem in words")
    status: int = Field(description="HTTP status, repeated")
    detail: str = Field(description="what happened this time, and the remedy")
    request_id: str = Field(description="also in the X-Request-Id header and the log")
    errors: list[FieldError] | None = Field(None, description="the offending fields of a 422")


# ---------------------------------------------------------------- tokens and the build


class TokenRef(Response):
    token_id: int = Field(description="vocabulary entry")
    text: str = Field(description="decoded alone; U+FFFD for partial UTF-8")
    token_class: TokenClass = Field(description="class in this build at its cut")


class Token(TokenRef):
    position: int = Field(description="position in the prompt, BOS at 0")


class NextToken(Response):
    position: int = Field(description="the prompt position whose next token is predicted")
    token_id: int = Field(description="predicted vocabulary entry")
    text: str = Field(description="decoded alone")
    probability: float = Field(description="softmax probability at temperature 1")


class TokenRow(TokenRef):
    occurrences: int = Field(description="positions in the corpus")
    documents: int = Field(description="documents that contain it at least once")
    document_coverage: float = Field(description="documents / all documents of the corpus")
    rank: int | None = Field(description="1 = most frequent; null for special tokens")
    share: float = Field(description="occurrences / all non-special occurrences")
    cumulative: float | None = Field(description="sum of shares down to this rank")


class TokenPage(Response):
    tokens: list[TokenRow] = Field(description="this page of rows")
    total: int = Field(description="rows that match, on all pages")
    effective: dict[str, Any] = Field(description="the query as applied")


class TokenEdge(Response):
    feature_index: int = Field(description="dictionary entry of the SAE")
    n_firings: int = Field(description="corpus positions of this token at which it fires")
    mean_activation: float = Field(description="mean over those positions")
    act_max: float = Field(description="largest over those positions")


class TokenLayer(Response):
    sae_id: str = Field(description="which SAE")
    layer: int = Field(description="residual stream after this decoder layer")
    degree: int = Field(description="features with at least min_count = 1 firing on this token")
    edges: list[TokenEdge] = Field(description="most frequent first, up to `limit`")


class TokenDetail(TokenRow):
    layers: list[TokenLayer] = Field(description="one entry per SAE of the build")
    effective: dict[str, Any] = Field(description="the query as applied")


class CoverageRow(TokenRef):
    rank: int = Field(description="1-based place in the order")
    occurrences: int = Field(description="positions in the corpus")
    degree: int = Field(description="features this token has an edge to")
    new_features: int = Field(description="features that no earlier token of the order reaches")
    covered: int = Field(description="features that the first `rank` tokens reach together")
    coverage: float = Field(description="covered / the denominator that `effective` names")
    interval: Interval | None = Field(
        None, description="95 % bootstrap over document shards, where the build stores it"
    )


class Contrast(Response):
    """First k tokens of the order against as many occurrences drawn from content tokens."""

    k: int = Field(description="number of first tokens")
    occurrences: int = Field(description="corpus positions of those tokens; the same for both")
    coverage: float = Field(description="share of the denominator that the k tokens reach")
    interval: Interval | None = Field(None, description="95 % interval of coverage")
    content_coverage: float = Field(description="share that the content draw reaches")
    content_interval: Interval | None = Field(None, description="95 % interval of that")
    content_tokens: int | None = Field(None, description="distinct content tokens in the draw")


class CoverageResponse(Response):
    rows: list[CoverageRow] = Field(description="one per rank, in the chosen order")
    n_active: int = Field(description="features that fire anywhere at this theta and min_count")
    d_sae: int = Field(description="width of the dictionary")
    contrast: list[Contrast] = Field([], description="equal-occurrence comparisons, by k")
    effective: dict[str, Any] = Field(description="the query as applied")


class FeatureRow(Response):
    sae_id: str = Field(description="which SAE")
    feature_index: int = Field(description="dictionary entry within that SAE")
    n_firings: int = Field(description="corpus positions at which it fires")
    density: float = Field(description="n_firings / non-special corpus positions")
    n_tokens: int = Field(description="distinct tokens it has an edge to")
    act_max: float = Field(description="largest activation in the corpus")
    act_q999: float | None = Field(description="99.9th percentile of its firings")
    mean_activation: float | None = Field(description="mean over its firings")
    first_rank: int | None = Field(description="lowest frequency rank of a token that reaches it")
    top_tokens: list[TokenRef] = Field(description="tokens that fire it most often")
    promoted_tokens: list[TokenRef] = Field(description="next tokens its direction raises most")
    suppressed_tokens: list[TokenRef] = Field(description="next tokens it lowers most")


class FeaturePage(Response):
    features: list[FeatureRow] = Field(description="this page of rows")
    total: int = Field(description="rows that match, on all pages")
    effective: dict[str, Any] = Field(description="the query as applied")


class Example(Response):
    tokens: list[TokenRef] = Field(description="the context, in order")
    activations: list[float] = Field(description="activation per token of `tokens`; 0 = silent")
    position: int = Field(description="index within `tokens` of the strongest firing")
    activation: float = Field(description="activation at `position`")
    source: str = Field(description="where the text comes from")


class FeatureDetail(FeatureRow):
    layer: int = Field(description="residual stream after this decoder layer")
    d_sae: int = Field(description="width of the dictionary")
    examples: list[Example] = Field(description="contexts, strongest first")
    effective: dict[str, Any] = Field(description="the query as applied")


class Sae(Response):
    sae_id: str = Field(description="id used by every endpoint")
    layer: int = Field(description="residual stream after this decoder layer")
    d_sae: int = Field(description="width of the dictionary")
    l0: float | None = Field(description="measured mean firings per position; null = not measured")
    live: bool = Field(description="loaded: /api/inspect and /api/steer take it")
    in_build: bool = Field(description="the build has its edges")
    n_active: int | None = Field(description="features that fire anywhere in the build")
    coverage_10: float | None = Field(
        None, description="share of active features that the 10 most frequent tokens reach"
    )


class Build(Response):
    name: str = Field(description="file name of the build")
    provenance: dict[str, Any] = Field(description="ids, revisions, hashes, dtype, job settings")
    saes: list[Sae] = Field(description="SAEs whose edges it holds")


class BuildList(Response):
    builds: list[Build] = Field(description="the build being served; empty when there is none")


# ---------------------------------------------------------------- what the server can do


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
    note: str = Field("", description="what was measured, and on what")


class Limits(Response):
    prompt_tokens: int = Field(description="positions of a prompt, BOS included")
    prompt_chars: int = Field(description="characters of a prompt")
    interventions: int = Field(description="interventions of one steer request")
    samples: int = Field(description="texts per arm")
    max_new_tokens: int = Field(description="generated tokens per text")
    next_tokens: int = Field(description="next tokens listed per position")
    temperature: float = Field(description="largest temperature")
    value: float = Field(description="largest absolute intervention value")
    body_bytes: int = Field(description="bytes of a request body")
    queue: int = Field(description="live requests that may wait")
    page: int = Field(description="rows of one page of a list")


class Capabilities(Response):
    model: str = Field(description="the model's name, as the preset gives it")
    model_info: Model | None = Field(description="null until the model is loaded")
    saes: list[Sae] = Field(description="every SAE that is live or in the build")
    build: Build | None = Field(description="null without a build")
    live: bool = Field(description="/api/inspect and /api/steer answer now")
    live_state: LiveState = Field(description="absent = served without a model")
    live_detail: str = Field(description="live on cpu, loading the model, or why not and the remedy")
    preset: str = Field(description="name of the preset")
    default_prompt: str = Field(description="what the prompt box holds at first")
    prompts: list[str] = Field(description="the built-in pair to compare")
    demonstrations: list[Demonstration] = Field(description="worked steering examples")
    theta_grid: list[float] = Field(description="theta values that /api/coverage takes")
    min_count_grid: list[int] = Field(description="min_count values worth offering")
    orders: list[str] = Field(description="orders that /api/coverage takes")
    limits: Limits = Field(description="bounds that this server enforces")
    version: str = Field(description="version of FunctionScope")


class Health(Response):
    status: Literal["ok", "loading", "degraded"] = Field(
        description="ok = everything configured works"
    )
    live: LiveState = Field(description="state of the model")
    live_detail: str = Field(description="the same in words, with the remedy")
    queue: int = Field(description="live requests waiting or running now")
    build: bool = Field(description="a build is being served")
    build_detail: str = Field(description="its file name, or why there is none and the remedy")
    version: str = Field(description="version of FunctionScope")


# ---------------------------------------------------------------- live work


class TokenizeRequest(Request):
    prompt: str = Field(description="the text")
    chat: bool = Field(False, description="wrap the prompt in the model's chat template")


class TokenizeResponse(Response):
    tokens: list[Token] = Field(description="the prompt's positions")
    last_function: int | None = Field(description="position of the last function token; never special")
    effective: dict[str, Any] = Field(description="the request as applied")


class InspectRequest(TokenizeRequest):
    sae_ids: list[str] | None = Field(None, description="SAEs to encode with; null = all live ones")
    theta: float = Field(0.0, ge=0, description="a firing is an activation strictly above this")
    next_tokens: int = Field(10, ge=0, description="next tokens per position; 0 = skip the lm_head")


class FiringColumns(Response):
    """All firings of one SAE as parallel columns, sorted by position then feature."""

    position: list[int] = Field(description="position in the prompt")
    feature_index: list[int] = Field(description="dictionary entry")
    activation: list[float] = Field(description="activation, above theta")


class Split(Response):
    position: int = Field(description="position in the prompt; special positions are left out")
    firing: int = Field(description="features that fire here")
    new: int = Field(description="of those: first firing at a non-special position")
    reactivated: int = Field(description="of those: fired at an earlier non-special position")
    carried: int = Field(description="of the reactivated: fired at the position just before")


class FeatureInfo(Response):
    density: float | None = Field(description="share of corpus positions; null without a build")
    top_tokens: list[str] = Field(description="tokens that fire it most often in the corpus")
    promoted_tokens: list[str] = Field(description="next tokens its direction raises most")
    act_q999: float | None = Field(description="99.9th percentile of its corpus firings")


class InspectResponse(Response):
    tokens: list[Token] = Field(description="the prompt's positions")
    firings: dict[str, FiringColumns] = Field(description="by sae_id: all firings, not a top-k")
    next_tokens: list[NextToken] = Field(description="by position, most probable first")
    splits: dict[str, list[Split]] = Field(description="by sae_id: new / reactivated / carried")
    feature_info: dict[str, dict[str, FeatureInfo]] = Field(
        description="by sae_id, then feature_index as a string: what the build knows of it"
    )
    residual_norms: dict[str, list[float]] = Field(
        description="by sae_id: L2 norm of the residual stream at each position"
    )
    effective: dict[str, Any] = Field(description="the request as applied, with model and dtype")


class Intervention(Request):
    sae_id: str = Field(description="SAE whose feature is used")
    feature_index: int = Field(ge=0, description="dictionary entry of that SAE")
    mode: Mode = Field(description="add value·W_dec[f]; clamp f to value; scale f by value; ablate f")
    value: float = Field(0.0, description="activation units; a factor for scale; 0 for ablate")
    positions: PositionRule | list[Annotated[int, Field(ge=0)]] = Field(
        "last_function", description="where: a rule, or positions of the prompt"
    )


class SteerRequest(TokenizeRequest):
    interventions: list[Intervention] = Field(description="applied together in the steered arm")
    include_generated: bool = Field(False, description="apply at generated positions too")
    max_new_tokens: int = Field(40, ge=0, description="tokens per text; 0 = next tokens only")
    temperature: float = Field(0.0, ge=0, description="0 = greedy")
    samples: int = Field(1, ge=1, description="texts per arm; more than 1 needs temperature > 0")
    seed: int = Field(0, ge=0, lt=2**63, description="seed of the sampling")
    controls: bool = Field(False, description="also run the three control arms")


class Arm(Response):
    texts: list[str] = Field(description="one per sample, without the prompt")
    token_ids: list[list[int]] = Field(description="the generated tokens of each text")
    next_tokens: list[NextToken] = Field(description="20 most probable after the prompt")
    kl: float = Field(description="nats, KL(this arm ‖ baseline) after the prompt; 0 for baseline")
    sentence: str = Field(description="what this arm does, in plain words")


class SteerResponse(Response):
    tokens: list[Token] = Field(description="the prompt's positions")
    baseline: Arm = Field(description="no intervention")
    steered: Arm = Field(description="all interventions; identical to baseline when there are none")
    controls: dict[str, Arm] = Field(
        {}, description="content_position, random_feature, sign_flipped, when asked for"
    )
    kl: float = Field(description="nats, KL(steered ‖ baseline) of the next token after the prompt")
    applied_positions: list[int] = Field(description="prompt positions that any intervention edits")
    sentence: str = Field(description="the recipe in plain words")
    effective: dict[str, Any] = Field(
        description="the request as applied: positions and layers resolved, model and dtype"
    )


# ---------------------------------------------------------------- stream of /api/steer/stream


class StartFrame(Response):
    """`event: start`, the first frame; sent again with a new place while the request waits."""

    seq: int = Field(description="0, 1, 2 … without gaps over all frames of the stream")
    stream_id: str = Field(description="for POST /api/steer/cancel/{stream_id}")
    queue_position: int = Field(description="requests before this one; 0 = running")


class ArmFrame(Response):
    """`event: arm`: the next-token distribution of an arm, before its text."""

    seq: int = Field(description="number of the frame")
    arm: str = Field(description="baseline, steered or the name of a control")
    next_tokens: list[NextToken] = Field(description="20 most probable after the prompt")
    kl: float = Field(description="nats, KL(this arm ‖ baseline)")
    sentence: str = Field(description="what this arm does, in plain words")


class TokenFrame(Response):
    """`event: token`: one generated token. Joining the texts of an arm and sample gives the text."""

    seq: int = Field(description="number of the frame")
    arm: str = Field(description="which arm")
    sample: int = Field(description="which text of the arm")
    text: str = Field(description="text this token adds; empty while a character is incomplete")
    token_id: int = Field(description="the generated token")
    probability: float = Field(description="its probability in its arm, at temperature 1")


class FinalFrame(Response):
    """`event: final`: the last frame. A cancelled stream keeps the text made so far."""

    seq: int = Field(description="number of the frame")
    status: Literal["done", "cancelled"] = Field(description="how it ended")
    result: SteerResponse = Field(description="what POST /api/steer answers; partial if cancelled")


class ErrorFrame(Response):
    """`event: error`: the last frame of a stream that failed."""

    seq: int = Field(description="number of the frame")
    problem: Problem = Field(description="what went wrong")


class CancelResponse(Response):
    stream_id: str = Field(description="the stream")
    cancelled: bool = Field(description="false when it had already ended")


# ---------------------------------------------------------------- recorded runs


class InspectRun(Request):
    kind: Literal["inspect"] = Field(description="what to record")
    request: InspectRequest = Field(description="the body of POST /api/inspect")
    title: str | None = Field(None, max_length=200, description="shown above the run")
    note: str | None = Field(None, max_length=4000, description="shown under the title")


class SteerRun(Request):
    kind: Literal["steer"] = Field(description="what to record")
    request: SteerRequest = Field(description="the body of POST /api/steer")
    title: str | None = Field(None, max_length=200, description="shown above the run")
    note: str | None = Field(None, max_length=4000, description="shown under the title")


RunRequest = Annotated[InspectRun | SteerRun, Field(discriminator="kind")]


class RunCreated(Response):
    run_id: str = Field(description="hash of everything that determined the result")
    url: str = Field(description="page that opens it: /r/{run_id}")
    reused: bool = Field(description="it was recorded before; nothing was run now")


class Run(Response):
    run_id: str = Field(description="hash of everything that determined the result")
    kind: Literal["inspect", "steer"] = Field(description="which endpoint it records")
    request: dict[str, Any] = Field(description="the body as it was sent, defaults filled in")
    result: dict[str, Any] = Field(description="what POST /api/inspect or /api/steer answered")
    title: str | None = Field(description="as given")
    note: str | None = Field(description="as given")
    recorded_at: str = Field(description="UTC, ISO 8601")
    provenance: dict[str, Any] = Field(description="model, SAEs, hashes, dtype, device, versions")
