"""What every message shares: strict requests, responses, and the one shape of a failure."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

TokenClass = Literal["function", "content", "special"]
Mode = Literal["add", "clamp", "scale", "ablate"]
PositionRule = Literal["last_function", "last", "all"]
Interval = Annotated[list[float], Field(min_length=2, max_length=2)]
LiveState = Literal["absent", "loading", "live", "failed"]


def encodable(text: str) -> str:
    """ValueError for a lone surrogate: JSON can spell one, UTF-8 and tokenizers cannot."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise ValueError(
            f"text without lone surrogates; there is one at character {error.start}"
        ) from error
    return text


Text = Annotated[str, AfterValidator(encodable)]

Stops = Annotated[list[Annotated[Text, Field(min_length=1, max_length=64)]], Field(max_length=8)]


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
    errors: list[FieldError] | None = Field(
        default=None, description="the offending fields of a 422"
    )
