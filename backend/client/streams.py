"""Streamed answers: an iterator over frames, and the result at their end."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from types import TracebackType
from typing import Any, Generic, Protocol, TypeVar, cast

import httpx
from pydantic import BaseModel

from backend.client.connection import ApiError, Connection, parsed
from backend.schemas import (
    ArmFrame,
    CellsFrame,
    ErrorFrame,
    FinalFrame,
    PatchFinalFrame,
    PatchFrame,
    PatchRowFrame,
    SetFinalFrame,
    SetFrame,
    StartFrame,
    SweepFinalFrame,
    SweepFrame,
    TokenFrame,
    TraitProgressFrame,
    TraitsFinalFrame,
)

Frames = Mapping[str, type[BaseModel]]
ResultT = TypeVar("ResultT")
STEER: Frames = {"start": StartFrame, "arm": ArmFrame, "token": TokenFrame, "final": FinalFrame}
SWEEP: Frames = {
    "start": StartFrame,
    "sweep": SweepFrame,
    "cells": CellsFrame,
    "final": SweepFinalFrame,
}
TRAITS: Frames = {"start": StartFrame, "progress": TraitProgressFrame, "final": TraitsFinalFrame}
PATCH: Frames = {
    "start": StartFrame,
    "map": PatchFrame,
    "row": PatchRowFrame,
    "final": PatchFinalFrame,
}
SET: Frames = {"start": StartFrame, "progress": SetFrame, "final": SetFinalFrame}


class _Final(Protocol):
    status: str
    result: Any


class Stream(Generic[ResultT]):
    """Frames as they come; leaving a `with` block, or `close()`, stops the work on the server.

    with scope.steer_stream(prompt, interventions) as stream:
        for frame in stream:
            print(frame)
    """

    def __init__(
        self, connection: Connection, path: str, body: Mapping[str, Any], frames: Frames
    ) -> None:
        """The request is sent here, so that a bad one is refused here."""
        self._connection = connection
        self._path = path
        self._frames = frames
        self._final: _Final | None = None
        self._reply: httpx.Response = connection.begun("POST", path, body=body)
        self.stream_id: str = self._reply.headers.get("x-stream-id", "")
        self._events = self._read()

    def __iter__(self) -> Iterator[BaseModel]:
        return self._events

    def __enter__(self) -> Stream[ResultT]:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop; what was not read is lost."""
        self._events.close()
        self._reply.close()

    def result(self) -> ResultT:
        """What the last frame holds, once the rest is read; ApiError where it was cancelled."""
        for _ in self._events:
            pass
        if self._final is None or self._final.status != "done" or self._final.result is None:
            raise ApiError(
                503, "Cancelled", f"{self._path} was stopped before its result was whole"
            )
        return cast("ResultT", self._final.result)

    def _read(self) -> Generator[BaseModel, None, None]:
        """Frame after frame; the answer is let go of at the last, or when nobody reads on."""
        try:
            event = ""
            for line in self._connection.lines(self._reply):
                name, _, value = line.partition(": ")
                if name == "event":
                    event = value
                elif name == "data":
                    yield self._frame(event, value)
                    if self._final is not None:
                        return
            raise ApiError(0, "The stream broke off", f"{self._path} ended without its last frame")
        finally:
            self._reply.close()

    def _frame(self, event: str, data: str) -> BaseModel:
        if event == "error":
            raise ApiError.of(parsed(data, ErrorFrame, self._path).problem)
        if event not in self._frames:
            detail = (
                f"{self._path} sent a frame {event!r}; this client knows {sorted(self._frames)}"
            )
            raise ApiError(200, "The server's version differs", detail)
        frame = parsed(data, self._frames[event], self._path)
        if event == "final":
            self._final = cast("_Final", frame)
        return frame
