"""One prompt read live: its tokens, the firings along it and the next tokens."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from backend.schemas.base import Request, Response, Text
from backend.schemas.naming import TokenRef


class Token(TokenRef):
    position: int = Field(description="position in the prompt, BOS at 0")
    template: bool = Field(
        default=False,
        description="written by the chat template, nobody's text; it is read all the same",
    )


class NextToken(Response):
    position: int = Field(description="the prompt position whose next token is predicted")
    token_id: int = Field(description="predicted vocabulary entry")
    text: str = Field(description="decoded alone")
    probability: float = Field(description="softmax probability at temperature 1")


class Turn(Request):
    """An earlier turn of a conversation."""

    role: Literal["system", "user", "assistant"] = Field(description="whose turn it is")
    content: Text = Field(description="what it says")


Turns = Annotated[list[Turn], Field(max_length=64)]
TURNS = "turns before the prompt, which is the last user's: read like it; with chat only"


class TokenizeRequest(Request):
    prompt: Text = Field(description="the text")
    chat: bool = Field(default=False, description="wrap the prompt in the model's chat template")
    prefix: Text = Field(
        default="",
        description="text before the prompt (examples, earlier turns), run once and left out of "
        "what is read; positions are those of the whole; a token over the boundary "
        "is the prompt's; not with chat",
    )
    turns: Turns = Field(default=[], description=TURNS)


class TokenizeResponse(Response):
    tokens: list[Token] = Field(description="the prompt's positions")
    last_function: int | None = Field(
        description="position of the prompt's last function token; never special"
    )
    prefix_length: int = Field(
        default=0, description="positions that are the prefix's, BOS included"
    )
    effective: dict[str, Any] = Field(description="the request as applied")


class InspectRequest(TokenizeRequest):
    sae_ids: list[str] | None = Field(
        default=None, description="SAEs to encode with; null = all live ones"
    )
    theta: float = Field(
        default=0.0, ge=0, le=1e30, description="a firing is an activation strictly above this"
    )
    next_tokens: int = Field(
        default=10, ge=0, description="next tokens per position; 0 = skip the lm_head"
    )
    next_tokens_at: list[Annotated[int, Field(ge=0)]] | None = Field(
        default=None,
        description="positions of the prompt whose next tokens are wanted; null = all that are "
        "read",
    )
    include_prefix: bool = Field(
        default=False,
        description="read the prefix too; what fires there is still no earlier firing of the "
        "prompt",
    )
    generate: int = Field(
        default=0,
        ge=0,
        description="greedy tokens to write after the prompt and to read like it; 0 = none",
    )


class FiringColumns(Response):
    """All firings of one SAE as parallel columns, sorted by position then feature."""

    position: list[int] = Field(description="position in the prompt")
    feature_index: list[int] = Field(description="dictionary entry")
    activation: list[float] = Field(description="activation, above theta")


class Split(Response):
    position: int = Field(
        description="position in the prompt; special positions and the prefix are left out"
    )
    firing: int = Field(description="features that fire here")
    new: int = Field(description="of those: first firing at a non-special position")
    reactivated: int = Field(
        description="of those: fired at an earlier non-special position after the prefix"
    )
    carried: int = Field(description="of the reactivated: fired at the position just before")


class FeatureInfo(Response):
    density: float | None = Field(description="share of corpus positions; null without a build")
    top_tokens: list[str] = Field(description="tokens that fire it most often in the corpus")
    name_tokens: list[str] = Field(
        default=[],
        description="up to 5 tokens that it is called by: where it fires most beyond their "
        "share of the text (share · ln(lift)); empty = not known",
    )
    promoted_tokens: list[str] = Field(description="next tokens its direction raises most")
    act_q999: float | None = Field(description="99.9th percentile of its corpus firings")


class InspectResponse(Response):
    tokens: list[Token] = Field(description="the prompt's positions, then the generated ones")
    generated_from: int | None = Field(
        default=None,
        description="position of the first generated token; null when none was asked for or made",
    )
    prefix_length: int = Field(
        default=0, description="positions that are the prefix's, BOS included"
    )
    firings: dict[str, FiringColumns] = Field(
        description="by sae_id: all firings, not a top-k; those in the prefix with include_prefix "
        "only"
    )
    next_tokens: list[NextToken] = Field(description="by position, most probable first")
    splits: dict[str, list[Split]] = Field(description="by sae_id: new / reactivated / carried")
    feature_info: dict[str, dict[str, FeatureInfo]] = Field(
        description="by sae_id, then feature_index as a string: what the build knows of it"
    )
    residual_norms: dict[str, list[float | None]] = Field(
        description="by sae_id: L2 norm of the residual stream at each position; null = in the "
        "prefix, not read"
    )
    effective: dict[str, Any] = Field(description="the request as applied, with model and dtype")
