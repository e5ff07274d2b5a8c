"""Finished shards on any path that fsspec knows: a shared folder, an object store.

A shard is put under a name of its own and then moved to its own name, so that it is whole or absent
there too.
"""

from __future__ import annotations

import json
import secrets
import tempfile
from pathlib import Path
from typing import Any

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq

from precompute.inputs import check_same, claim, note_of
from precompute.job import BadInput, Job, write_whole


class Partials:
    """A folder or URL; BadInput when there is no such kind of path or no driver for it."""

    def __init__(self, url: str) -> None:
        self.url = url
        try:
            self.files, self.root = fsspec.core.url_to_fs(url)
        except (ImportError, ValueError, OSError) as error:
            raise BadInput(f"--partials {url} cannot be used: {error}.") from error

    def claim(self, settings: dict[str, Any]) -> None:
        """Write these settings there, or make sure that the shards there belong to them;
        BadInput otherwise.
        """
        path = f"{self.root}/settings.json"
        try:
            self.files.makedirs(self.root, exist_ok=True)
            if self.files.exists(path):
                check_same(settings, json.loads(self.files.cat_file(path)), self.url, "--partials")
            self.files.pipe_file(path, json.dumps(settings, indent=1).encode())
        except OSError as error:
            raise BadInput(f"--partials {self.url} cannot be written: {error}.") from error

    def put(self, table: pa.Table, path: Path, work: Path) -> None:
        """Write a table where `path` is in the work folder, whole or not at all."""
        name = self._name(path, work)
        unfinished = f"{name}.{secrets.token_hex(4)}.part"
        with tempfile.TemporaryDirectory() as folder:
            local = Path(folder) / path.name
            pq.write_table(table, local, compression="zstd")
            self.files.makedirs(name.rpartition("/")[0], exist_ok=True)
            self.files.put_file(str(local), unfinished)
        self.files.mv(unfinished, name)

    def bring(self, path: Path, work: Path) -> bool:
        """Copy a file of that name into the work folder; False where there is none."""
        name = self._name(path, work)
        if not self.files.exists(name):
            return False
        write_whole(path, lambda temporary: self.files.get_file(name, str(temporary)))
        return True

    def _name(self, path: Path, work: Path) -> str:
        return f"{self.root}/{path.relative_to(work).as_posix()}"


def claim_job(job: Job) -> None:
    """Note the job in its work folder and where its shards are handed over; BadInput where another
    job is noted.
    """
    note = note_of(job)
    claim(job.work / "settings.json", note)
    if job.partials:
        Partials(job.partials).claim(note)
