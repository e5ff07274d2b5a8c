"""One server: requests, answers as the wire's models, and every failure as an `ApiError`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import httpx
from pydantic import BaseModel, ValidationError

from backend.schemas import FieldError, Problem

ResponseT = TypeVar("ResponseT", bound=BaseModel)
READ_SECONDS = 600.0  # a live request waits for those before it


class ApiError(Exception):
    """A call that failed; `str()` is the server's sentence: what came, what is allowed, what to do.

    status: of HTTP, 0 when the server was not reached. errors: of a 422, the fields by name.
    retry_after: seconds after which the server asks to try again; null where it does not.
    """

    def __init__(
        self,
        status: int,
        title: str,
        detail: str,
        *,
        request_id: str = "",
        errors: Sequence[FieldError] = (),
        retry_after: float | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.title = title
        self.detail = detail
        self.request_id = request_id
        self.errors = list(errors)
        self.retry_after = retry_after

    @classmethod
    def of(cls, problem: Problem, retry_after: str = "") -> ApiError:
        """From the problem document that the server sent."""
        return cls(
            problem.status,
            problem.title,
            problem.detail,
            request_id=problem.request_id,
            errors=problem.errors or (),
            retry_after=float(retry_after) if retry_after.isdigit() else None,
        )


class Connection:
    """HTTP to one server. Every method raises `ApiError` and nothing else."""

    def __init__(
        self, url: str, token: str | None, transport: httpx.BaseTransport | None = None
    ) -> None:
        self.url = url.rstrip("/")
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        try:
            self._http = httpx.Client(
                base_url=self.url,
                headers=headers,
                timeout=httpx.Timeout(READ_SECONDS, connect=10.0),
                transport=transport,
            )
        except (httpx.InvalidURL, ValueError) as error:
            raise ApiError(0, "No such address", f"{url!r} is no address ({error})") from error

    def close(self) -> None:
        self._http.close()

    def json(
        self, method: str, path: str, answer: type[ResponseT], **sent: Mapping[str, Any]
    ) -> ResponseT:
        """`sent`: `params` or `body`."""
        with self.opened(method, path, **sent) as reply:
            return parsed(self._read(reply), answer, path)

    def anything(self, method: str, path: str, **sent: Mapping[str, Any]) -> Any:
        """The answer as plain JSON."""
        with self.opened(method, path, **sent) as reply:
            text = self._read(reply)
        try:
            return json.loads(text)
        except ValueError as error:
            raise ApiError(200, "Unexpected answer", f"{path} answered no JSON") from error

    @contextmanager
    def opened(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Iterator[httpx.Response]:
        """A successful answer whose body is still to be read."""
        reply = self.begun(method, path, params=params, body=body, headers=headers)
        try:
            yield reply
        finally:
            reply.close()

    def begun(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """The same, to be closed by the caller."""
        given = {name: one for name, one in (params or {}).items() if one is not None}
        plain = None if body is None else json.dumps(body, default=as_plain).encode("utf-8")
        sent = dict(headers or {}) | ({} if plain is None else {"Content-Type": "application/json"})
        try:
            request = self._http.build_request(
                method, path, params=_queried(given), content=plain, headers=sent
            )
            reply = self._http.send(request, stream=True)
        except httpx.HTTPError as error:
            raise self._unreached(error) from error
        if reply.is_success:
            return reply
        try:
            raise self._failure(reply, self._read(reply), f"{method} {path}")
        finally:
            reply.close()

    def lines(self, reply: httpx.Response) -> Iterator[str]:
        """Of a streamed answer, as they come."""
        try:
            yield from reply.iter_lines()
        except httpx.HTTPError as error:
            raise self._unreached(error) from error

    def chunks(self, reply: httpx.Response) -> Iterator[bytes]:
        """Of a file, as they come."""
        try:
            yield from reply.iter_bytes()
        except httpx.HTTPError as error:
            raise self._unreached(error) from error

    def save(self, path: str, query: Mapping[str, Any], to: Path) -> Path:
        """Into the file `to`; what broke off on the way leaves it as it was."""
        part = to.with_name(f"{to.name}.part")
        try:
            with self.opened("GET", path, params=query) as reply, part.open("wb") as file:
                for chunk in self.chunks(reply):
                    file.write(chunk)
            part.replace(to)
        finally:
            part.unlink(missing_ok=True)
        return to

    def _read(self, reply: httpx.Response) -> bytes:
        try:
            return reply.read()
        except httpx.HTTPError as error:
            raise self._unreached(error) from error

    def _unreached(self, error: Exception) -> ApiError:
        return ApiError(
            0,
            "The server cannot be reached",
            f"{self.url} did not answer ({type(error).__name__}: {error}): start it with "
            "`functionscope serve`, or name another with Client(url) or FUNCTIONSCOPE_API_URL",
        )

    @staticmethod
    def _failure(reply: httpx.Response, text: bytes, called: str) -> ApiError:
        try:
            problem = Problem.model_validate_json(text)
        except ValidationError:
            detail = (
                f"{called} answered {reply.status_code} without saying why: is it FunctionScope?"
            )
            return ApiError(reply.status_code, "Unexpected answer", detail)
        return ApiError.of(problem, reply.headers.get("retry-after", ""))


def parsed(text: str | bytes, answer: type[ResponseT], path: str) -> ResponseT:
    """ApiError where the server is of another version."""
    try:
        return answer.model_validate_json(text)
    except ValidationError as error:
        place = ".".join(str(one) for one in error.errors()[0]["loc"])
        raise ApiError(
            200,
            "The server's version differs",
            f"what {path} answered is no {answer.__name__} ({place}): install the version that "
            "the server has (health().version)",
        ) from error


def as_plain(value: Any) -> Any:
    """JSON of the wire's models, and of numpy's and torch's numbers and arrays."""
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", exclude_unset=True)
    if hasattr(value, "tolist"):
        return value.tolist()
    if isinstance(value, tuple | set | frozenset | range):
        return list(value)
    raise TypeError(f"{value!r} is a {type(value).__name__}, which JSON cannot say")


def _queried(given: Mapping[str, Any]) -> dict[str, str | int | float | bool]:
    """Lists of ids stand in an address with commas between them."""
    return {
        name: ",".join(str(one) for one in value)
        if isinstance(value, list | tuple)
        else _one(value)
        for name, value in given.items()
    }


def _one(value: Any) -> Any:
    return value if isinstance(value, str | int | float | bool) else as_plain(value)


def ending(path: Path) -> str | None:
    """What a file's name says of its format."""
    return path.suffix.removeprefix(".") or None
