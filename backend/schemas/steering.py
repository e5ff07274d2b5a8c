"""Steering: interventions, the arms they are compared in, and the frames of a streamed answer."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from backend.schemas.base import Mode, PositionRule, Problem, Request, Response, Stops
from backend.schemas.prompts import NextToken, Token, TokenizeRequest


class Intervention(Request):
    sae_id: str = Field(description="SAE whose feature is used")
    feature_index: int = Field(ge=0, description="dictionary entry of that SAE")
    mode: Mode = Field(
        description="add value·W_dec[f]; clamp f to value; scale f by value; ablate f"
    )
    value: float = Field(
        default=0.0, description="activation units; a factor for scale; 0 for ablate"
    )
    positions: PositionRule | list[Annotated[int, Field(ge=0)]] = Field(
        default="last_function", description="where: a rule, or positions of the prompt"
    )

    @model_validator(mode="after")
    def check_value(self) -> Intervention:
        """A value where the mode takes one, none where it does not:
        nothing is assumed or ignored.
        """
        if self.mode == "ablate" and self.value != 0:
            raise ValueError("ablate takes no value: leave it out, send 0, or use clamp")
        if self.mode != "ablate" and "value" not in self.model_fields_set:
            raise ValueError(f"{self.mode} needs a value")
        return self


class SteerRequest(TokenizeRequest):
    interventions: list[Intervention] = Field(description="applied together in the steered arm")
    include_generated: bool = Field(default=False, description="apply at generated positions too")
    max_new_tokens: int = Field(
        default=40, ge=0, description="tokens per text; 0 = next tokens only"
    )
    temperature: float = Field(default=0.0, ge=0, description="0 = greedy")
    samples: int = Field(
        default=1, ge=1, description="texts per arm; more than 1 needs temperature > 0"
    )
    seed: int = Field(default=0, ge=0, lt=2**63, description="seed of the sampling")
    stop: Stops = Field(
        default=[], description="a text ends before the first of these strings, in every arm"
    )
    controls: bool = Field(
        default=False,
        description="also run the three control arms; effective.controls_left_out names any that "
        "cannot be, and why",
    )
    freeze_attention: bool = Field(
        default=False,
        description="at the prompt's positions every arm attends as the baseline does, in all "
        "layers and heads; values, MLPs and generated tokens stay the arm's own",
    )


class Arm(Response):
    texts: list[str] = Field(description="one per sample, without the prompt")
    token_ids: list[list[int]] = Field(description="the generated tokens of each text")
    probabilities: list[list[float]] = Field(
        default=[],
        description="of each generated token, in this arm, at temperature 1; one list per text",
    )
    first_divergence: list[int | None] = Field(
        default=[],
        description="per text: index of the first generated token that is not the baseline's of "
        "the same sample; null = none so far",
    )
    positions: list[int] = Field(default=[], description="prompt positions that this arm edits")
    next_tokens: list[NextToken] = Field(description="20 most probable after the prompt")
    kl: float = Field(description="nats, KL(this arm ‖ baseline) after the prompt; 0 for baseline")
    sentence: str = Field(description="what this arm does, in plain words")


class SteerResponse(Response):
    tokens: list[Token] = Field(description="the prompt's positions")
    prefix_length: int = Field(
        default=0, description="positions that are the prefix's, BOS included"
    )
    baseline: Arm = Field(description="no intervention")
    steered: Arm = Field(description="all interventions; identical to baseline when there are none")
    controls: dict[str, Arm] = Field(
        default={}, description="the control arms by name, when asked for"
    )
    kl: float = Field(description="nats, KL(steered ‖ baseline) of the next token after the prompt")
    applied_positions: list[int] = Field(description="prompt positions that any intervention edits")
    sentence: str = Field(description="the recipe in plain words")
    effective: dict[str, Any] = Field(
        description="the request as applied: positions and layers resolved, model and dtype"
    )


class FeatureChoice(Request):
    sae_id: str = Field(description="SAE of the feature")
    feature_index: int = Field(ge=0, description="dictionary entry of that SAE")


class StrengthRequest(TokenizeRequest):
    features: list[FeatureChoice] = Field(
        min_length=1, description="features whose strength units are wanted"
    )


class StrengthColumns(Response):
    """What α means at each position of the prompt, as parallel columns; index = position; null = in
    the prefix.
    """

    residual_norm: list[float | None] = Field(
        description="L2 norm of the residual after the SAE's layer"
    )
    activation: list[float | None] = Field(description="the feature's activation there, unedited")
    token_act_max: list[float | None] = Field(
        description="largest corpus activation of the feature on this token; null = it never "
        "fires on it, or no build"
    )
    token_act_mean: list[float | None] = Field(
        description="mean of its corpus firings on this token; null as above"
    )
    token_firings: list[int | None] = Field(
        description="its corpus firings on this token; null without a build"
    )


class FeatureStrength(Response):
    """Units of one feature's strength. multiples = α / act_q999;
    share = α · decoder_norm / residual_norm.
    """

    sae_id: str = Field(description="SAE of the feature")
    feature_index: int = Field(description="dictionary entry")
    layer: int = Field(description="residual stream after this decoder layer")
    decoder_norm: float = Field(
        description="L2 norm of W_dec[f]: α·decoder_norm is the size of an add"
    )
    act_q999: float | None = Field(
        description="99.9th percentile of its corpus firings; null without a build"
    )
    n_firings: int | None = Field(
        description="corpus firings that the percentile is taken of; null without a build"
    )
    positions: StrengthColumns = Field(description="what is known at each position")
    note: str = Field(description="what is not known, and why; empty = all is known")


class StrengthResponse(Response):
    features: list[FeatureStrength] = Field(description="in the order of the request")
    prefix_length: int = Field(
        default=0, description="positions that are the prefix's, BOS included"
    )
    last_function: int | None = Field(description="position of the last function token")
    effective: dict[str, Any] = Field(description="the request as applied")


class StartFrame(Response):
    """`event: start`, the first frame; sent again with a new place while the request waits."""

    seq: int = Field(description="0, 1, 2 … without gaps over all frames of the stream")
    stream_id: str = Field(
        description="for POST /api/steer/cancel/{stream_id}, which stops any stream"
    )
    queue_position: int = Field(description="requests before this one; 0 = running")


class ArmFrame(Response):
    """`event: arm`: the next-token distribution of an arm, before its text."""

    seq: int = Field(description="number of the frame")
    arm: str = Field(description="baseline, steered or the name of a control")
    next_tokens: list[NextToken] = Field(description="20 most probable after the prompt")
    kl: float = Field(description="nats, KL(this arm ‖ baseline)")
    sentence: str = Field(description="what this arm does, in plain words")
    positions: list[int] = Field(default=[], description="prompt positions that this arm edits")


class TokenFrame(Response):
    """`event: token`: one generated token. Joining the texts of an arm and
    sample gives the text.
    """

    seq: int = Field(description="number of the frame")
    arm: str = Field(description="which arm")
    sample: int = Field(description="which text of the arm")
    text: str = Field(
        description="text this token adds; empty while a character is incomplete, or may begin a "
        "stop"
    )
    token_id: int = Field(description="the generated token")
    probability: float = Field(description="its probability in its arm, at temperature 1")


class FinalFrame(Response):
    """`event: final`: the last frame. A cancelled stream keeps the text made so far."""

    seq: int = Field(description="number of the frame")
    status: Literal["done", "cancelled"] = Field(description="how it ended")
    result: SteerResponse | None = Field(
        description="what POST /api/steer answers; partial if cancelled, null if cancelled while "
        "queued"
    )


class ErrorFrame(Response):
    """`event: error`: the last frame of a stream that failed."""

    seq: int = Field(description="number of the frame")
    problem: Problem = Field(description="what went wrong")


class CancelResponse(Response):
    stream_id: str = Field(description="the stream")
    cancelled: bool = Field(description="false when it had already ended")
