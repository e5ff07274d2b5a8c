"""Logging: one line an event, `key=value`, each with the request id."""

from __future__ import annotations

import json
import logging
import sys
from contextvars import ContextVar

request_id: ContextVar[str] = ContextVar("request_id", default="-")
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class KeyValue(logging.Formatter):
    """`2026-01-01T00:00:00Z INFO name message key=value …`; values that need it are JSON-quoted."""

    default_time_format = "%Y-%m-%dT%H:%M:%S"
    default_msec_format = "%s.%03d"

    def format(self, record: logging.LogRecord) -> str:
        fields = {key: value for key, value in vars(record).items() if key not in _STANDARD}
        fields.setdefault("request_id", request_id.get())
        pairs = " ".join(
            f"{key}={_plain(value)}" for key, value in fields.items() if key != "color_message"
        )
        text = super().format(record)
        head, *rest = text.split("\n")
        return "\n".join([f"{head} {pairs}", *rest])


def _plain(value: object) -> str:
    text = str(value)
    return text if text.isascii() and text.isprintable() and " " not in text else json.dumps(text)


def configure(level: str) -> None:
    """Send everything from `level` on to stderr;
    uvicorn's own access lines are replaced by ours.
    """
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(KeyValue("%(asctime)s %(levelname)s %(name)s %(message)s"))
    logging.basicConfig(level=level.upper(), handlers=[handler], force=True)
    for quiet in ("httpx", "httpcore", "urllib3", "filelock"):
        logging.getLogger(quiet).setLevel(logging.WARNING)
