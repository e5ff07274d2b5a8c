"""Steering: interventions, the arms they are compared in, and the frames of a streamed answer."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from backend.schemas.base import Mode, PositionRule, Problem, Request, Response
from backend.schemas.prompts import NextToken, Token, TokenizeRequest


class Intervention(Request):
    sae_id: str = Field(description="SAE whose feature is used")
    feature_index: int = Field(ge=0, description="dictionary entry of that SAE")
    mode: Mode = Field(description="add value·W_dec[f]; clamp f to value; scale f by value; ablate f")
    value: float = Field(default=0.0, description="activation units; a factor for scale; 0 for ablate")
    positions: PositionRule | list[Annotated[int, Field(ge=0)]] = Field(
        default="last_function", description="where: a rule, or positions of the prompt"
    )

    @model_validator(mode="after")
    def check_value(self) -> Intervention:
        """A value where the mode takes one, none where it does not: nothing is assumed or ignored."""
        if self.mode == "ablate" and self.value != 0:
            raise ValueError("ablate takes no value: leave it out, send 0, or use clamp")
        if self.mode != "ablate" and "value" not in self.model_fields_set:
            raise ValueError(f"{self.mode} needs a value")
        return self


class SteerRequest(TokenizeRequest):
    interventions: list[Intervention] = Field(description="applied together in the steered arm")
    include_generated: bool = Field(default=False, description="apply at generated positions too")
    max_new_tokens: int = Field(default=40, ge=0, description="tokens per text; 0 = next tokens only")
    temperature: float = Field(default=0.0, ge=0, description="0 = greedy")
    samples: int = Field(default=1, ge=1, description="texts per arm; more than 1 needs temperature > 0")
    seed: int = Field(default=0, ge=0, lt=2**63, description="seed of the sampling")
    controls: bool = Field(default=False, description="also run the three control arms")


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
    controls: dict[str, Arm] = Field(default={}, description="the three control arms by name, when asked for")
    kl: float = Field(description="nats, KL(steered ‖ baseline) of the next token after the prompt")
    applied_positions: list[int] = Field(description="prompt positions that any intervention edits")
    sentence: str = Field(description="the recipe in plain words")
    effective: dict[str, Any] = Field(
        description="the request as applied: positions and layers resolved, model and dtype"
    )


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
    result: SteerResponse | None = Field(
        description="what POST /api/steer answers; partial if cancelled, null if cancelled while queued"
    )


class ErrorFrame(Response):
    """`event: error`: the last frame of a stream that failed."""

    seq: int = Field(description="number of the frame")
    problem: Problem = Field(description="what went wrong")


class CancelResponse(Response):
    stream_id: str = Field(description="the stream")
    cancelled: bool = Field(description="false when it had already ended")
