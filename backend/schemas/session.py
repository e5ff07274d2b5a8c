"""Unlocking a server that has a token."""

from __future__ import annotations

from pydantic import Field

from backend.schemas.base import Request, Response, Text

SESSION_COOKIE = "functionscope"


class SessionRequest(Request):
    token: Text = Field(max_length=512, description="the server's FUNCTIONSCOPE_TOKEN")


class Session(Response):
    locked: bool = Field(
        description="live work and writing need the token, which this client has not given"
    )
    token_required: bool = Field(description="the server has a token")
