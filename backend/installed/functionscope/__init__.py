"""`from functionscope import Client`: the client of the HTTP API, for notebooks and scripts."""

from backend import client
from backend.client import (
    ApiError,
    Client,
    Intervention,
    Stream,
    ablate,
    add,
    clamp,
    frame,
    scale,
)

__all__ = [
    "ApiError",
    "Client",
    "Intervention",
    "Stream",
    "ablate",
    "add",
    "clamp",
    "client",
    "frame",
    "scale",
]
