"""How often one client may ask, by the clock;
and whether it may ask at all. One place for all of /api.

A client is an address (IPv6: its /64). Clients on this machine are not counted: a laptop has one
person, and a proxy in front must name its clients in X-Forwarded-For, which is believed from
trusted proxies only.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import math
import time
from collections.abc import Mapping
from http.cookies import CookieError, SimpleCookie

from limits import RateLimitItem, RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

from backend.routes.request.problems import Refusal
from backend.schemas.session import SESSION_COOKIE
from backend.serving.metrics import Metrics
from backend.settings import Settings

READING = frozenset({"GET", "HEAD", "OPTIONS"})
SESSION = "/api/session"
FREE = frozenset({"/api/health"})  # polled by every open page, and by whatever watches the server
GUESSES_PER_MINUTE = 10
REMEDY = "open /unlock on this server and give the token, or send it as `Authorization: Bearer …`"


class Doorkeeper:
    """Admits requests: rates per client, and the bearer token for what runs the model or writes."""

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        self._token = settings.token.get_secret_value() if settings.token else None
        self._metrics = metrics
        self._rates: dict[str, RateLimitItem] = {
            "reading": RateLimitItemPerMinute(settings.requests_per_minute),
            "live": RateLimitItemPerMinute(settings.live_per_minute),
            "guessing": RateLimitItemPerMinute(GUESSES_PER_MINUTE),
        }
        self._window = MovingWindowRateLimiter(MemoryStorage())

    @property
    def locked(self) -> bool:
        """Whether live work and writing need the token."""
        return self._token is not None

    def admit(self, method: str, path: str, client: str, headers: Mapping[bytes, bytes]) -> None:
        """429 over the rate, 401 without the token; returns for everything else."""
        if path in FREE:
            return
        reads = method in READING
        self._count("reading" if reads else "live", client)
        if reads or path == SESSION or self.holds_token(headers):
            return
        raise Refusal(
            401,
            f"This server asks for its token for live work and for writing: {REMEDY}.",
            headers={"WWW-Authenticate": 'Bearer realm="functionscope"'},
        )

    def holds_token(self, headers: Mapping[bytes, bytes]) -> bool:
        """Whether the request may do live work:
        by its header, by its cookie, or because no token is set.
        """
        if self._token is None:
            return True
        scheme, _, given = headers.get(b"authorization", b"").decode("latin-1").partition(" ")
        by_header = scheme.lower() == "bearer" and _same(given.strip(), self._token)
        return by_header or _same(_cookie(headers), self.pass_cookie())

    def exchange(self, given: str, client: str) -> str:
        """The cookie's value for the right token;
        401 for a wrong one, 429 for too many of those.
        """
        self._count("guessing", client, everybody=True)
        if self._token is None or not _same(given, self._token):
            raise Refusal(
                401, "That is not this server's token.", headers={"WWW-Authenticate": "Bearer"}
            )
        return self.pass_cookie()

    def pass_cookie(self) -> str:
        """What the browser keeps in the token's place:
        it opens this server and says nothing of the token.
        """
        key = (self._token or "").encode()
        return hmac.new(key, b"functionscope session", hashlib.sha256).hexdigest()

    def _count(self, rate: str, client: str, *, everybody: bool = False) -> None:
        key = bucket(client)
        if key is None and not everybody:
            return
        item = self._rates[rate]
        if not self._window.hit(item, rate, key or "local"):
            self._metrics.refused.labels(rate).inc()
            reset = self._window.get_window_stats(item, rate, key or "local").reset_time
            raise Refusal(
                429,
                f"More than {item.amount} {rate} requests in a minute from one client: try again "
                "later.",
                headers={"Retry-After": str(max(1, math.ceil(reset - time.time())))},
            )


def bucket(client: str) -> str | None:
    """Under which key a client is counted: its address, or an IPv6 network of 64 bits;
    None on this machine.
    """
    try:
        address = ipaddress.ip_address(client)
    except ValueError:
        return None  # a Unix socket, or a caller in this process
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    if address.is_loopback:
        return None
    if isinstance(address, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)


def _same(given: str, wanted: str) -> bool:
    """Compared in a time that does not depend on where they differ."""
    return hmac.compare_digest(given.encode(), wanted.encode())


def _cookie(headers: Mapping[bytes, bytes]) -> str:
    try:
        found = SimpleCookie(headers.get(b"cookie", b"").decode("latin-1")).get(SESSION_COOKIE)
    except CookieError:
        return ""
    return found.value if found else ""
