"""The SAEs of a job: folders, or those of a release, fetched where they are not here yet."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from backend.core import presets
from backend.core.own.sources import sae_source
from backend.core.presets import SaeSource
from precompute.fetching.fetch import fetch_sae
from precompute.job import DTYPES, BadInput


def sae_folders(
    given: Sequence[str] | None, sources: Sequence[SaeSource], dtype: str
) -> tuple[Path, ...]:
    """Of `given` (folders, or RELEASE:ID), else of a preset's `sources`. BadInput says why not."""
    try:
        wanted = [sae_source(one, Path.cwd(), presets.DEFAULT_HOME) for one in given or ()]
        for source in wanted or sources:
            if source.layer is None:
                print(f"fetching SAE {source.release} {source.id}", file=sys.stderr, flush=True)
                fetch_sae(source, dtype=DTYPES[dtype])
    except ValueError as error:
        raise BadInput(str(error)) from error
    return tuple(source.path for source in wanted or sources)
