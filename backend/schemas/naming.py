"""How tokens and features are named wherever they are listed."""

from __future__ import annotations

from pydantic import Field

from backend.schemas.base import Response, TokenClass


class TokenRef(Response):
    token_id: int = Field(description="vocabulary entry")
    text: str = Field(description="decoded alone; U+FFFD for partial UTF-8")
    token_class: TokenClass | None = Field(
        description="class in this build at its cut; null only where there is no build"
    )


class Named(Response):
    """A feature, with what it is called."""

    name_tokens: list[TokenRef] = Field(
        default=[],
        description="up to 5 tokens that it is called by: where it fires most beyond their "
        "share of the text (share · ln(lift)); empty = not known",
    )
