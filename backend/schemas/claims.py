"""Claims: each statement with the number, the rule and the verdict that follows from them."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from backend.schemas.base import Interval, Response

Unit = Literal["share", "points", "nats", "ratio", "number"]


class Claim(Response):
    id: str = Field(description="stable name")
    group: str = Field(description="heading of the Claims page")
    statement: str = Field(description="what is claimed")
    made_by: str = Field(description="whose claim: a place in the paper, or its reviewers")
    definition: str = Field(description="what the number is")
    unit: Unit = Field(description="of value and interval; points = difference of two shares")
    noun: str = Field(
        description="what a plain number counts, said after it; empty where the unit says it"
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
    verdict: Literal["supported", "not supported", "not testable"] = Field(
        description="computed from the rule"
    )
    reason: str = Field(description="of “not testable”: what is lacking; else empty")
    link: str = Field(description="page address that shows it; empty when nothing can be shown")


class ClaimList(Response):
    claims: list[Claim] = Field(description="in the order of the rules file")
