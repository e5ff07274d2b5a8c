"""Claims: each statement with the number, the rule and the verdict that follows from them."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from backend.schemas.base import Interval, Response

Unit = Literal["share", "points", "nats", "ratio", "number"]

Verdict = Literal["supported", "not supported", "inconclusive", "not tested"]


class ClaimEdit(Response):
    sae_id: str = Field(description="SAE of the feature")
    feature_index: int = Field(description="the feature")
    value: float = Field(description="what is added, in units of the feature's activation")
    positions: Literal["last_function", "last"] = Field(description="as POST /api/steer says them")


class ClaimAtLayer(Response):
    sae_id: str = Field(description="the SAE")
    layer: int = Field(description="0-based decoder layer whose output it reads")
    value: float = Field(description="the number there, in the claim's unit")
    interval: Interval | None = Field(description="95 %; null for a count")
    verdict: Verdict = Field(description="by the claim's rule")


class Claim(Response):
    id: str = Field(description="stable name")
    group: str = Field(description="heading of the Claims page")
    statement: str = Field(description="what is claimed")
    made_by: str = Field(description="whose claim: a place in the paper, or its reviewers")
    definition: str = Field(description="what the number is")
    unit: Unit = Field(description="of value and interval; points = difference of two shares")
    noun: str = Field(
        description="what the number counts or is a share of, said after it; empty where the unit "
        "says it"
    )
    value: float | None = Field(description="the number; null when it cannot be measured here")
    interval: Interval | None = Field(description="95 %; null for a count over the whole corpus")
    n: int | None = Field(description="units behind the number")
    n_unit: str = Field(description="what n counts")
    source: str = Field(description="SAE, build or run that the number came from")
    control: str = Field(description="what stands beside it, in words; empty when there is nothing")
    control_value: float | None = Field(description="the control's number")
    control_interval: Interval | None = Field(description="its 95 % interval")
    control_unit: Unit = Field(description="its unit")
    control_drawn: bool = Field(
        description="it is the same quantity as value: both belong on one axis"
    )
    rule: str = Field(description="what decides, in words")
    above: float | None = Field(description="the rule's lower threshold")
    below: float | None = Field(description="the rule's upper threshold")
    verdict: Verdict = Field(description="computed from the rule")
    plain: str = Field(description="what came out, in plain words; empty for claims that have none")
    reason: str = Field(
        description="of “inconclusive” and “not tested”: why, or what is lacking; else empty"
    )
    link: str = Field(description="page address that shows it; empty when nothing can be shown")
    edit: ClaimEdit | None = Field(description="the edit that the number is about; null for none")
    layers: list[ClaimAtLayer] = Field(
        description="the same claim asked of every SAE, shallow to deep; empty where it is not of "
        "one layer"
    )


class ClaimList(Response):
    claims: list[Claim] = Field(description="in the order of the rules file")


class ClaimOfBuild(Response):
    id: str = Field(description="of the claim")
    verdict: Verdict = Field(description="on this build, by the same rule")
    value: float | None = Field(description="the number there; null when not tested")
    interval: Interval | None = Field(description="95 %; null for a count")
    n: int | None = Field(description="units behind the number")
    n_unit: str = Field(description="what n counts")
    source: str = Field(description="SAE, build or run that the number came from")
    reason: str = Field(description="as in /api/claims")


class JudgedBuild(Response):
    preset: str = Field(description="preset that the build belongs to")
    model: str = Field(description="title of its model")
    build: str = Field(description="name of the build's file")
    identity: str = Field(description="hash of its provenance")
    served: bool = Field(description="the one that this server shows")
    claims: list[ClaimOfBuild] = Field(description="in the order of the rules file")


class JudgedBuildList(Response):
    builds: list[JudgedBuild] = Field(description="those that are ready here; the served one first")
