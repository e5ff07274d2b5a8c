"""`/api/…` of a dashboard that runs apart from its API: passed on, streams included.

The steering page reads its stream from the browser, on the page's own origin; so do the links to
exports. Where dashboard and API are one process, the API answers these itself.
"""

from collections.abc import AsyncIterator
from typing import Annotated

import httpx
from fastapi import Depends, FastAPI, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse

# Headers that belong to one connection, and those that httpx sets itself.
_OWN = frozenset(
    {"connection", "content-length", "host", "keep-alive", "transfer-encoding", "upgrade"}
)
_METHODS = ["GET", "POST", "DELETE"]


def forward_api(server: FastAPI, client: httpx.AsyncClient) -> None:
    """Pass every request below /api on to `client`'s base URL;
    502 problem details when nobody answers.
    """

    async def answered(request: Request) -> AsyncIterator[httpx.Response | None]:
        headers = [(name, value) for name, value in request.headers.items() if name not in _OWN]
        url = httpx.URL(request.url.path, query=request.url.query.encode())
        asked = client.build_request(
            request.method, url, headers=headers, content=await request.body()
        )
        try:
            answer = await client.send(asked, stream=True)
        except httpx.TransportError:
            yield None
            return
        try:
            yield answer
        finally:  # also when the browser went away: the API then stops its work
            await answer.aclose()

    @server.api_route("/api/{path:path}", methods=_METHODS, include_in_schema=False)
    async def forward(answer: Annotated[httpx.Response | None, Depends(answered)]) -> Response:
        if answer is None:
            detail = (
                f"No API answers at {client.base_url}: start it with `functionscope api`, "
                "or give --api-url."
            )
            problem = {
                "type": "about:blank",
                "title": "API not reached",
                "status": 502,
                "detail": detail,
            }
            return JSONResponse(problem, 502, media_type="application/problem+json")
        headers = {name: value for name, value in answer.headers.items() if name not in _OWN}
        return StreamingResponse(answer.aiter_raw(), answer.status_code, headers)
