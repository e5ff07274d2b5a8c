"""/api/session: a page's way to give the token,
once a browser. Scripts send `Authorization: Bearer …` instead.

The cookie is HttpOnly and SameSite=Strict: no script reads it, no other site's request carries it.
"""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi import Response as HttpResponse

from backend.routes.request.served import Served
from backend.schemas import Session, SessionRequest
from backend.schemas.session import SESSION_COOKIE

router = APIRouter(tags=["server"])
DAYS = 30


@router.get("/session")
async def read_session(request: Request, served: Served) -> Session:
    """Whether this client may do live work."""
    return Session(locked=is_locked(request, served), token_required=served.door.locked)


@router.post("/session")
async def open_session(
    body: SessionRequest, request: Request, served: Served, answer: HttpResponse
) -> Session:
    """Give the token; the answer sets a cookie for this browser."""
    if served.door.locked:
        value = served.door.exchange(body.token, client_of(request))
        secure = request.url.scheme == "https"
        answer.set_cookie(
            SESSION_COOKIE,
            value,
            max_age=DAYS * 86_400,
            httponly=True,
            samesite="strict",
            secure=secure,
        )
    return Session(locked=False, token_required=served.door.locked)


@router.delete("/session")
async def close_session(served: Served, answer: HttpResponse) -> Session:
    """Forget the token in this browser."""
    answer.delete_cookie(SESSION_COOKIE, httponly=True, samesite="strict")
    return Session(locked=served.door.locked, token_required=served.door.locked)


def is_locked(request: Request, served: Served) -> bool:
    """Whether live work would be refused for want of the token."""
    return not served.door.holds_token(dict(request.scope["headers"]))


def client_of(request: Request) -> str:
    """The visitor's address, also where a page of this process asks on somebody's behalf."""
    return str(request.scope.get("state", {}).get("client", ""))
