"""POST /api/prompts: what was pasted or uploaded, read as a set of prompts."""

from __future__ import annotations

import base64
import binascii

from fastapi import APIRouter

from backend.core import prompt_files
from backend.routes.request.problems import refuse_field
from backend.routes.request.served import Served
from backend.schemas.prompt_sets import PromptsRequest, PromptsResponse, WrongRow

router = APIRouter(tags=["live"])


@router.post("/prompts")
def read_prompts(request: PromptsRequest, served: Served) -> PromptsResponse:
    """The prompts in a pasted text or a file, and what is wrong with which row.

    Nothing is kept: a set is sent whole with the request that runs over it. At most
    limits.upload_bytes of body, limits.set_prompts prompts, limits.prompt_chars characters each.
    """
    data = _bytes_of(request)
    guessed, delimiter = prompt_files.guessed(data, request.name)
    format = request.format or guessed
    what = "text" if request.file is None else "file"
    try:
        found = prompt_files.read(
            data,
            format=format,
            column=request.column,
            most=served.settings.max_set_prompts,
            most_chars=served.settings.max_prompt_chars,
            delimiter=delimiter if format == guessed else None,
        )
    except prompt_files.NoColumn as error:
        raise refuse_field("column", request.column, str(error)) from error
    except prompt_files.NotPrompts as error:
        shown = request.name or f"{len(data):,} bytes as {format}"
        raise refuse_field(what, shown, f"prompts that can be read: {error}") from error
    return PromptsResponse(
        prompts=found.prompts,
        n_prompts=found.n_prompts,
        columns=found.columns,
        column=found.column,
        wrong=[WrongRow(row=one.row, what=one.what) for one in found.wrong],
        n_wrong=found.n_wrong,
        n_blank=found.n_blank,
        effective={"format": found.format, "column": found.column, "name": request.name},
    )


def _bytes_of(request: PromptsRequest) -> bytes:
    if request.file is None:
        return (request.text or "").encode("utf-8")
    try:
        return base64.b64decode(request.file, validate=True)
    except binascii.Error as error:
        raise refuse_field("file", request.file, f"base64: {error}") from error
