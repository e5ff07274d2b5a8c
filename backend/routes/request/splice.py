"""JSON put together from parts:
an answer names hundreds of tokens, and an object for each takes most of its time.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from pydantic import BaseModel
from starlette.responses import Response


def spliced(answer: BaseModel, written: Mapping[str, str]) -> str:
    """JSON of `answer`, whose fields in `written` are JSON already;
    at least one field must not be.
    """
    fields = "".join(f'"{name}":{text},' for name, text in written.items())
    return f"{{{fields}{answer.model_dump_json(exclude=set(written)).removeprefix('{')}"


def array(parts: Iterable[str]) -> str:
    """A JSON array of these values."""
    return f"[{','.join(parts)}]"


def answered(text: str) -> Response:
    return Response(text, media_type="application/json")
