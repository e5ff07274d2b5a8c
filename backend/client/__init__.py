"""A client of the HTTP API for notebooks and scripts.

    from functionscope import Client, add
    scope = Client()  # http://127.0.0.1:8050
    scope.inspect("What is the capital of Russia?\\n").tokens

Parameters are the API's own, by name: each method's signature is read from `backend.schemas`, and
answers are its models. A failure of any kind is an `ApiError` that carries the server's sentence.
"""

from backend.client.client import Client
from backend.client.connection import ApiError
from backend.client.frames import frame
from backend.client.interventions import Intervention, ablate, add, clamp, scale
from backend.client.streams import Stream

__all__ = [
    "ApiError",
    "Client",
    "Intervention",
    "Stream",
    "ablate",
    "add",
    "clamp",
    "frame",
    "scale",
]
