"""The trait finder: the paper's procedure from prompts to a feature, with the arms it must beat."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field

from backend.schemas.base import Interval, Request, Response, Stops, Text
from backend.schemas.sweep import Target


class TraitsRequest(Request):
    trait_prompt: Text = Field(
        description="a prompt whose answer shows the trait; ends where the answer begins"
    )
    contrast_prompts: list[Text] = Field(
        min_length=1,
        description="prompts without the trait: the layer, α and k are chosen on these",
    )
    test_prompts: list[Text] = Field(
        min_length=1,
        description="further prompts without the trait: success is reported on these alone",
    )
    success: Target = Field(
        description="what shows the trait; a token target succeeds when it is the greedy next token"
    )
    instruction: Text | None = Field(
        default=None,
        description="a way to ask for the trait, with {prompt} where the prompt stands ('Speak "
        "Chinese. {prompt}'): for the arm that simply asks, and for the difference "
        "of means; null = no such arm",
    )
    sae_ids: list[str] | None = Field(
        default=None, description="SAEs whose layers compete; null = all live ones"
    )
    alphas: list[float] | None = Field(
        default=None,
        description="α of the feature sum, tried in this order until one induces the trait; null "
        "= 1, 2, 4, 8 and 16 times the layer's largest activation at the trait "
        "prompt's last function token, in units of W_dec",
    )
    induces: float = Field(
        default=0.5,
        gt=0,
        le=1,
        description="share of contrast prompts that must succeed for the trait to be induced",
    )
    max_new_tokens: int = Field(default=12, ge=1, description="greedy tokens per answer")
    chat: bool = Field(default=False, description="wrap every prompt in the model's chat template")
    prefix: Text = Field(
        default="", description="text before every prompt, run once; not with chat"
    )
    stop: Stops = Field(default=[], description="an answer ends before the first of these strings")


class Rate(Response):
    """A share of prompts, with its Wilson 95 % interval."""

    share: float = Field(description="successes / n")
    interval: Interval = Field(description="Wilson 95 % interval of the share")
    successes: int = Field(description="prompts whose answer shows the trait")
    n: int = Field(description="prompts asked")


class TraitLayer(Response):
    sae_id: str = Field(description="SAE of the layer")
    layer: int = Field(description="residual stream after this decoder layer")
    success: Rate = Field(
        description="contrast prompts, with the trait prompt's residual added at the last "
        "function token"
    )
    n_active: int = Field(
        description="features that fire at the trait prompt's last function token"
    )


class TraitTrial(Response):
    alpha: float = Field(description="multiplies the sum of decoder rows")
    k: int = Field(description="features summed, strongest first")
    success: Rate = Field(description="contrast prompts")


class TraitStrength(Response):
    alpha: float = Field(description="multiplies the found feature's W_dec row, alone")
    success: Rate = Field(description="contrast prompts")


class TraitArm(Response):
    name: str = Field(
        description="none, features, feature, random_feature, difference_of_means, asking: see "
        "sentence"
    )
    sentence: str = Field(description="what this arm does, in plain words")
    success: Rate = Field(description="test prompts")
    texts: list[str] = Field(description="the answer to each test prompt, in order")


class TraitsResponse(Response):
    found: bool = Field(description="some k features of the chosen layer induce the trait")
    sentence: str = Field(description="the finding in plain words, or what failed")
    sae_id: str = Field(description="the layer with the highest rate; ties go to the shallower")
    layer: int = Field(description="residual stream after this decoder layer")
    alpha: float | None = Field(
        description="the first α at which some k induces the trait; null = none"
    )
    k: int | None = Field(description="smallest k found by bisection: k induces it, k - 1 does not")
    feature_index: int | None = Field(
        description="the k-th feature: the trait's, by the paper's rule"
    )
    feature_activation: float | None = Field(
        description="its activation at the trait prompt's last function token"
    )
    feature_alpha: float | None = Field(
        description="α of the feature alone: the best of the grid on contrast prompts"
    )
    act_q999: float | None = Field(
        description="99.9th percentile of its corpus firings; null without a build"
    )
    layers: list[TraitLayer] = Field(description="the competition of the layers")
    trials: list[TraitTrial] = Field(description="every (α, k) that was tried, in order")
    strengths: list[TraitStrength] = Field(
        description="the found feature alone at each α; feature_alpha is the first of the best"
    )
    arms: list[TraitArm] = Field(description="on the test prompts")
    effective: dict[str, Any] = Field(description="the request as applied")


class TraitProgressFrame(Response):
    """`event: progress`: after each step. Exactly what the step found is in `layer`, `trial`,
    `strength` or `arm`.
    """

    seq: int = Field(description="number of the frame")
    stage: Literal["layers", "features", "strength", "arms"] = Field(
        description="which part of the procedure"
    )
    done: int = Field(description="batches of answers generated so far")
    most: int = Field(description="upper bound of `done` at the end; bisection may need fewer")
    sentence: str = Field(description="what was just found, in plain words")
    layer: TraitLayer | None = Field(default=None, description="a layer that was tried")
    trial: TraitTrial | None = Field(default=None, description="a set of k features that was tried")
    strength: TraitStrength | None = Field(
        default=None, description="an α that the found feature was tried at alone"
    )
    arm: TraitArm | None = Field(
        default=None, description="an arm that was judged on the test prompts"
    )


class TraitsFinalFrame(Response):
    """`event: final`: the last frame."""

    seq: int = Field(description="number of the frame")
    status: Literal["done", "cancelled"] = Field(description="how it ended")
    result: TraitsResponse | None = Field(
        description="null when cancelled: a half-made search finds nothing"
    )
