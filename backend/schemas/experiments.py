"""Experiments on prompts: what ablating, moving and steering did, arm by arm."""

from __future__ import annotations

from pydantic import Field

from backend.schemas.base import Interval, Response


class ExperimentEstimate(Response):
    arm: str = Field(description="what was done to the model: a key of `arms`")
    sae_id: str | None = Field(
        description="SAE of the features; “all” = all SAEs together; null = none is used"
    )
    layer: int | None = Field(
        description="the edit is after this decoder layer; null = none, or several"
    )
    subject: str = Field(description="what was asked; empty = everything")
    outcome: str = Field(description="what was measured: a key of `outcomes`")
    value: float = Field(description="in the outcome's unit")
    interval: Interval | None = Field(
        description="95 %: bootstrap over prompts, Wilson for shares; null = exact"
    )
    n: int = Field(description="prompts; 1 for what is no estimate")


class Experiment(Response):
    name: str = Field(description="necessity, distance, grid, trait, difference_of_means")
    prompts: str = Field(description="which prompts it was made on")
    arms: dict[str, str] = Field(description="arm -> what it does, in plain words")
    outcomes: dict[str, str] = Field(description="outcome -> definition with its unit")
    estimates: list[ExperimentEstimate] = Field(
        description="in the order in which the job wrote them"
    )
    findings: list[str] = Field(
        description="what held and what did not, written by the job from the figures"
    )


class ExperimentList(Response):
    experiments: list[Experiment] = Field(description="those that were run beside this build")
