"""What DuckDB says of a file that it cannot read: cut short, damaged behind its header, or held
open by a writer.
"""

import re

import duckdb

DAMAGED = (
    duckdb.IOException,
    duckdb.InternalException,
    duckdb.FatalException,
    duckdb.SerializationException,
)
_LOCKED = ("Could not set lock", "Unique file handle conflict")  # by another process, by this one


class StrayLog(ValueError):
    """A write-ahead log lies beside a file that is only to be read; the message says what to do."""


def holder(error: Exception) -> str | None:
    """Who has the file open to write to it, "PID 123" or "this program"; None where that is not
    what `error` says.
    """
    said = str(error)
    if not any(sign in said for sign in _LOCKED):
        return None
    found = re.search(r"PID \d+", said)
    return found[0] if found else "this program"
