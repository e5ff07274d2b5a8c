"""A corpus that is streamed through `datasets`, never written to disk."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from backend.core.hub import require_hub
from precompute.building.documents import not_unicode
from precompute.job import BadInput, HubText


def opened(source: HubText) -> Any:
    """The stream; BadInput when it cannot be reached, or has no such split or column."""
    try:
        import datasets
        from huggingface_hub import constants
    except ImportError as error:
        raise BadInput(
            f"--corpus {source} needs datasets: pip install 'functionscope[precompute]'."
        ) from error
    try:
        if not Path(source.name).is_dir() and not constants.HF_HUB_OFFLINE:
            require_hub(source.name)  # datasets itself would try for 25 seconds
        stream = datasets.load_dataset(source.name, split=source.split, streaming=True)
        columns = stream.column_names or list(next(iter(stream)))
    except StopIteration:
        raise BadInput(f"--corpus {source} is empty.") from None
    # whichever library lies below: the hub's, an archive's, a parser's
    except Exception as error:
        raise _unreadable(source, error) from error
    if source.column not in columns:
        raise BadInput(
            f"--corpus {source} has no column {source.column!r}; it has {', '.join(columns)}."
        )
    return stream.select_columns([source.column])


def stream_documents(source: HubText) -> Iterator[str]:
    """The texts; BadInput names the row that is not one."""
    rows = iter(opened(source))
    number = 0
    while True:
        try:
            text = next(rows)[source.column]
        except StopIteration:
            return
        except Exception as error:
            raise _unreadable(source, error) from error
        number += 1
        if not isinstance(text, str):
            raise BadInput(
                f"--corpus {source}, row {number}: {source.column!r} is {type(text).__name__}, "
                "not a text."
            )
        half = not_unicode(text)
        if half is not None:
            raise BadInput(
                f"--corpus {source}, row {number}: {source.column!r} is not Unicode ({half})."
            )
        yield text


def _unreadable(source: HubText, error: Exception) -> BadInput:
    reason = (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
    return BadInput(
        f"--corpus {source} cannot be streamed ({reason}): check name, split and connection, "
        "or give a local folder of .jsonl or .parquet files."
    )
