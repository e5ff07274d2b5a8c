"""Answers as tables of pandas, for whoever has it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

if TYPE_CHECKING:
    import pandas

Tabular = BaseModel | Mapping[str, BaseModel] | Iterable[BaseModel]


def frame(rows: Tabular) -> pandas.DataFrame:
    """Rows (`answer.rows`), columns (`answer.firings[sae_id]`) or columns by SAE (`answer.firings`,
    with a column `sae_id`) as a DataFrame.

    ImportError where pandas is not installed; TypeError for what is no table.
    """
    try:
        import pandas
    except ImportError as error:
        raise ImportError(
            "frame() needs pandas: pip install pandas, or use the answer's own rows"
        ) from error
    if isinstance(rows, Mapping):
        parts = [frame(one).assign(sae_id=name) for name, one in rows.items()]
        return pandas.concat(parts, ignore_index=True) if parts else pandas.DataFrame()
    if isinstance(rows, BaseModel):
        return pandas.DataFrame(_columns(rows))
    return pandas.DataFrame([row.model_dump() for row in rows])


def _columns(answer: BaseModel) -> dict[str, Any]:
    columns = answer.model_dump()
    if not all(isinstance(one, list) for one in columns.values()):
        raise TypeError(
            f"a {type(answer).__name__} is no table: give one of its lists of rows, such as "
            f"{next((name for name, one in columns.items() if isinstance(one, list)), 'rows')}"
        )
    return columns
