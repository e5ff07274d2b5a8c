"""Texts from .jsonl and .jsonl.zst: one document a line, and the line is named where it is none."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import zstandard

from precompute.job import BadInput

READ_AT_ONCE = 1 << 17  # bytes of a packed file
BYTE_ORDER_MARK = "\ufeff"


def read_documents(path: Path) -> Iterator[str]:
    """The "text" of each line that is not blank. BadInput names file and line of one that cannot be
    read.
    """
    number = 0
    try:
        with _opened(path) as lines:
            for number, line in enumerate(lines, start=1):
                decoded = line.decode("utf-8").removeprefix(
                    BYTE_ORDER_MARK
                )  # also where files were joined
                if decoded.strip():
                    yield _text_of(decoded, path, number)
                number += 1
    except UnicodeDecodeError as error:
        raise BadInput(
            f"{path}, line {number}: is not UTF-8 ({error.reason} at byte {error.start})."
        ) from error
    except (OSError, zstandard.ZstdError) as error:
        raise BadInput(f"{path}, line {max(number, 1)}: cannot be read ({error}).") from error


def _text_of(line: str, path: Path, number: int) -> str:
    try:
        text = json.loads(line)["text"]
    except RecursionError as error:
        raise BadInput(
            f"{path}, line {number}: brackets are nested too deep to be read."
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise BadInput(
            f'{path}, line {number}: not a JSON object with a "text" ({error!r}).'
        ) from error
    if not isinstance(text, str):
        raise BadInput(
            f'{path}, line {number}: "text" is {type(text).__name__}; it must be a string.'
        )
    half = not_unicode(text)
    if half is not None:
        raise BadInput(f'{path}, line {number}: "text" is not Unicode ({half}).')
    return text


def not_unicode(text: str) -> str | None:
    """What is wrong with a text that no tokenizer takes, as JSON's \\u escapes can spell; None for
    any other.
    """
    try:
        text.encode()
    except UnicodeEncodeError as error:
        return f"half a surrogate pair, \\u{ord(text[error.start]):04x}, at character {error.start}"
    return None


def _opened(path: Path) -> io.BufferedReader:
    raw = path.open("rb")
    return io.BufferedReader(_Unpacked(raw), READ_AT_ONCE) if path.suffix == ".zst" else raw


class _Unpacked(io.RawIOBase):
    """What a .zst file holds, all of its frames. `zstandard` itself ends in silence where a file
    was cut short.
    """

    def __init__(self, raw: BinaryIO) -> None:
        self._raw = raw
        self._frame = zstandard.ZstdDecompressor().decompressobj()
        self._begun = False  # whether the frame has any bytes
        self._ready = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        while not self._ready:
            packed = self._frame.unused_data if self._frame.eof else b""
            packed = packed or self._raw.read(READ_AT_ONCE)
            if self._frame.eof:
                self._frame, self._begun = zstandard.ZstdDecompressor().decompressobj(), False
            if not packed:
                if self._begun:
                    raise zstandard.ZstdError("the file was cut short")
                return 0
            self._ready, self._begun = memoryview(self._frame.decompress(packed)), True
        taken, self._ready = self._ready[: len(buffer)], self._ready[len(buffer) :]
        buffer[: len(taken)] = taken
        return len(taken)

    def close(self) -> None:
        self._raw.close()
        super().close()
