"""Rows of coverage as JSON, joined a column at a time: an object for each of tens of thousands
takes a tenth of a second.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from backend.core.store.coverage import Coverage
from backend.core.store.coverage_columns import Band, Ints, RankedTokens, shares

_TOKEN = ',"token_id":%d,"text":%s,"token_class":"%s","occurrences":%d,"degree":'
_NO_BAND = ',"interval":null,"mean":null}'


def rows_json(found: Coverage) -> str:
    """A JSON array of the wire's CoverageRow."""
    columns, covered = found.columns, found.columns.covered
    numbers = [
        _written(column)
        for column in (
            columns.rank,
            columns.degree,
            columns.new_features,
            covered,
            shares(covered, found.n_all),
        )
    ]
    rank, degree, new, reached, share = numbers
    rows = pc.binary_join_element_wise(
        '{"rank":',
        rank,
        _fixed(columns.tokens).take(pa.array(columns.place)),
        degree,
        ',"new_features":',
        new,
        ',"covered":',
        reached,
        ',"coverage":',
        share,
        _NO_BAND,
        "",
    )
    rows = _with_bands(rows, columns.rank, found.bands)
    whole = pa.ListArray.from_arrays(pa.array([0, len(rows)], pa.int32()), rows)
    return f"[{pc.binary_join(whole, ',')[0].as_py()}]"


@lru_cache(maxsize=1)  # those of the build that is served
def _fixed(tokens: RankedTokens) -> pa.Array:
    """What never changes of a token's row."""
    columns = (
        tokens.token_id.tolist(),
        map(json.dumps, tokens.text),
        tokens.token_class,
        tokens.occurrences.tolist(),
    )
    return pa.array([_TOKEN % one for one in zip(*columns, strict=True)], pa.string())


def _with_bands(rows: pa.Array, rank: Ints, bands: Mapping[int, Band]) -> pa.Array:
    """The rows, the few that have an interval with it."""
    banded = np.isin(rank, list(bands))
    if not banded.any():
        return rows
    made = []
    for at in np.flatnonzero(banded).tolist():
        mean, low, high = bands[int(rank[at])]
        interval = f',"interval":{json.dumps([low, high])},"mean":{json.dumps(mean)}}}'
        made.append(rows[at].as_py().removesuffix(_NO_BAND) + interval)
    return pc.replace_with_mask(rows, pa.array(banded), pa.array(made))


def _written(numbers: npt.NDArray[np.integer | np.floating]) -> pa.Array:
    """Each number as text."""
    return pc.cast(pa.array(numbers), pa.string())
