"""`hf:NAME[:split[:column]]`: a corpus that is streamed through `datasets`, never written to disk.

NAME is a dataset on huggingface.co, or a local folder of .jsonl, .parquet … files as `datasets`
reads them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backend.core.hub import require_hub
from precompute.building.documents import not_unicode
from precompute.job import BadInput

PREFIX = "hf:"
SPLIT, COLUMN = "train", "text"


@dataclass(frozen=True)
class HubText:
    """One column of one split, in the order in which it is stored: shuffled beforehand or not."""

    name: str
    split: str
    column: str

    @classmethod
    def parse(cls, given: str) -> HubText:
        """BadInput for what is not `hf:NAME[:split[:column]]`."""
        parts = given.removeprefix(PREFIX).split(":")
        if not given.startswith(PREFIX) or len(parts) > 3 or not all(parts):
            raise BadInput(
                f"--corpus is {given!r}; allowed: hf:NAME, hf:NAME:SPLIT or hf:NAME:SPLIT:COLUMN."
            )
        return cls(*(parts + [SPLIT, COLUMN][len(parts) - 1 :]))

    def __str__(self) -> str:
        name = Path(self.name).name if Path(self.name).is_dir() else self.name
        return f"{PREFIX}{name}:{self.split}:{self.column}"

    def open(self) -> Any:
        """The stream; BadInput when it cannot be reached, or has no such split or column."""
        try:
            import datasets
            from huggingface_hub import constants
        except ImportError as error:
            raise BadInput(
                f"--corpus {self} needs datasets: pip install 'functionscope[precompute]'."
            ) from error
        try:
            if not Path(self.name).is_dir() and not constants.HF_HUB_OFFLINE:
                require_hub(self.name)  # datasets itself would try for 25 seconds
            stream = datasets.load_dataset(self.name, split=self.split, streaming=True)
            columns = stream.column_names or list(next(iter(stream)))
        except StopIteration:
            raise BadInput(f"--corpus {self} is empty.") from None
        # whichever library lies below: the hub's, an archive's, a parser's
        except Exception as error:
            raise self._unreadable(error) from error
        if self.column not in columns:
            raise BadInput(
                f"--corpus {self} has no column {self.column!r}; it has {', '.join(columns)}."
            )
        return stream.select_columns([self.column])

    def documents(self) -> Iterator[str]:
        """The texts; BadInput names the row that is not one."""
        rows = iter(self.open())
        number = 0
        while True:
            try:
                text = next(rows)[self.column]
            except StopIteration:
                return
            except Exception as error:
                raise self._unreadable(error) from error
            number += 1
            if not isinstance(text, str):
                raise BadInput(
                    f"--corpus {self}, row {number}: {self.column!r} is {type(text).__name__}, "
                    "not a text."
                )
            half = not_unicode(text)
            if half is not None:
                raise BadInput(
                    f"--corpus {self}, row {number}: {self.column!r} is not Unicode ({half})."
                )
            yield text

    def _unreadable(self, error: Exception) -> BadInput:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
        return BadInput(
            f"--corpus {self} cannot be streamed ({reason}): check name, split and connection, "
            "or give a local folder of .jsonl or .parquet files."
        )
