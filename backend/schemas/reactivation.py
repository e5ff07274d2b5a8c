"""Reactivation against shuffled prompts:
per position, per class of tokens, over one prompt or many.
"""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from backend.schemas.base import Interval, Request, Response, Text
from backend.schemas.prompts import TURNS, Token, TokenizeRequest, Turns

SHUFFLES_MOST = 100


class ReactivationRequest(TokenizeRequest):
    sae_ids: list[str] | None = Field(
        default=None, description="SAEs to encode with; null = all live ones"
    )
    theta: float = Field(
        default=0.0, ge=0, le=1e30, description="a firing is an activation strictly above this"
    )
    generate: int = Field(
        default=0,
        ge=0,
        description="greedy tokens to write after the prompt; they keep their places",
    )
    shuffles: int = Field(
        default=20, ge=2, le=SHUFFLES_MOST, description="random orders of the same tokens"
    )
    seed: int = Field(default=0, ge=0, lt=2**63, description="seed of the orders")


class Spread(Response):
    mean: float = Field(description="mean over the shuffled prompts")
    interval: Interval = Field(description="2.5th to 97.5th percentile of the shuffled prompts")


class ShuffledSplit(Response):
    """One position: what fires there in shuffled prompts. Its token keeps the class,
    not always the identity.
    """

    position: int = Field(
        description="position in the prompt; special positions and the prefix are left out"
    )
    kept: bool = Field(description="this position keeps its own token in every shuffle")
    firing: Spread = Field(description="features that fire here")
    new: Spread = Field(description="of those: first firing at a non-special position")
    reactivated: Spread = Field(description="of those: fired at an earlier non-special position")
    carried: Spread = Field(description="of the reactivated: fired at the position just before")


class ClassIndex(Response):
    """One class of tokens. Shares and the index are null where nothing fires at its positions."""

    token_class: Literal["function", "content"] = Field(description="class of the positions")
    n_positions: int = Field(description="positions of that class, all prompts together")
    firing: int = Field(description="firings there")
    new: int = Field(description="of those new")
    reactivated: int = Field(description="of those reactivated")
    carried: int = Field(description="of the reactivated: carried from the position just before")
    share: float | None = Field(description="reactivated / firing")
    shuffled_share: float | None = Field(description="mean of that share over shuffles")
    shuffled_interval: Interval | None = Field(
        description="2.5th to 97.5th percentile of it over shuffles"
    )
    index: float | None = Field(
        description="share - shuffled_share: above 0, more fires again than by chance of order"
    )
    interval: Interval | None = Field(
        description="95 % interval of the index: bootstrap over prompts, or with one prompt the "
        "range of the shuffles"
    )


class ClassDifference(Response):
    """Function minus content. Intervals: 95 % bootstrap over prompts; null with one prompt."""

    share: float | None = Field(description="of the shares")
    share_interval: Interval | None = Field(description="of the difference of the shares")
    index: float | None = Field(description="of the indices")
    index_interval: Interval | None = Field(description="of the difference of the indices")


class ReactivationIndex(Response):
    classes: list[ClassIndex] = Field(description="function, then content")
    difference: ClassDifference = Field(description="function minus content")
    n_prompts: int = Field(description="prompts that were counted")
    n_shuffles: int = Field(description="shuffles of each")


class ReactivationResponse(Response):
    tokens: list[Token] = Field(description="the prompt's positions, then the generated ones")
    prefix_length: int = Field(
        default=0, description="positions that are the prefix's, BOS included"
    )
    shuffled: dict[str, list[ShuffledSplit]] = Field(
        description="by sae_id: the baseline at each position"
    )
    index: dict[str, ReactivationIndex] = Field(description="by sae_id: the index of this prompt")
    effective: dict[str, Any] = Field(
        description="the request as applied, with what the shuffles keep in place"
    )


class ReactivationSetRequest(Request):
    prompts: list[Text] | None = Field(
        default=None, min_length=1, description="texts; null = the preset's own set"
    )
    chat: bool = Field(default=False, description="wrap each prompt in the model's chat template")
    prefix: Text = Field(
        default="",
        description="text before each prompt, run once, never shuffled and not counted; not with "
        "chat",
    )
    turns: Turns = Field(default=[], description=TURNS)
    sae_id: str = Field(description="SAE to encode with")
    theta: float = Field(
        default=0.0, ge=0, le=1e30, description="a firing is an activation strictly above this"
    )
    shuffles: int = Field(
        default=20, ge=2, le=SHUFFLES_MOST, description="random orders of each prompt"
    )
    seed: int = Field(
        default=0, ge=0, lt=2**63, description="seed of the orders and of the bootstrap"
    )


class ReactivationSetResponse(Response):
    sae_id: str = Field(description="SAE that was used")
    index: ReactivationIndex | None = Field(
        description="over all prompts done; null before the first"
    )
    done: int = Field(description="prompts counted so far")
    total: int = Field(description="prompts asked for")
    effective: dict[str, Any] = Field(description="the request as applied")


class SetFrame(Response):
    """`event: progress`: the set so far, after every few prompts."""

    seq: int = Field(description="number of the frame")
    result: ReactivationSetResponse = Field(description="over the prompts done so far")


class SetFinalFrame(Response):
    """`event: final`: the last frame. A cancelled stream keeps what was counted."""

    seq: int = Field(description="number of the frame")
    status: Literal["done", "cancelled"] = Field(description="how it ended")
    result: ReactivationSetResponse = Field(description="over the prompts that were counted")
