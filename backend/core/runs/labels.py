"""People's own labels and notes on features, kept with the runs, by SAE and feature."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from backend.core.runs.owners import WrongDeleteToken, digest
from backend.core.runs.schema import LABEL


@dataclass(frozen=True)
class LabelRow:
    """sae: `fingerprints.sae_identity`; sae_id: what it was called where this was written."""

    sae: str
    feature_index: int
    sae_id: str
    label: str
    note: str
    author: str
    written_at: str


class Labels:
    """One label a feature; a later one takes the place of the earlier."""

    def __init__(self, connect: Callable[[], AbstractContextManager[sa.Connection]]) -> None:
        """connect: a transaction of the store of runs; RunsUnavailable where it cannot be had."""
        self._connect = connect

    def of(self, saes: Iterable[str]) -> list[LabelRow]:
        """By SAE, then feature."""
        asked = sa.select(LABEL).where(LABEL.c.sae.in_(list(saes)))
        with self._connect() as connection:
            found = connection.execute(asked.order_by(LABEL.c.sae, LABEL.c.feature_index)).all()
        return [_row(one) for one in found]

    def get(self, sae: str, feature_index: int) -> LabelRow | None:
        with self._connect() as connection:
            found = connection.execute(sa.select(LABEL).where(_of(sae, feature_index)))
            one = found.one_or_none()
        return None if one is None else _row(one)

    def matching(self, sae: str, q: str) -> list[int]:
        """Features whose label holds `q`, case ignored, ascending."""
        wanted = q.casefold()
        return [row.feature_index for row in self.of([sae]) if wanted in row.label.casefold()]

    def put(
        self, rows: Sequence[LabelRow], *, token: str = "", trusted: bool = False
    ) -> str | None:
        """Write them all or none. The delete token of those that are new; None where none is.

        WrongDeleteToken, with the row, for one that somebody else wrote: `token` is not its own,
        and whoever asks is not `trusted`.
        """
        fresh = secrets.token_urlsafe(18)
        try:
            made = self._put(rows, fresh, token, trusted)
        except IntegrityError:  # somebody wrote the same one in between: now it is there
            made = self._put(rows, fresh, token, trusted)
        return fresh if made else None

    def _put(self, rows: Sequence[LabelRow], fresh: str, token: str, trusted: bool) -> bool:
        """Whether any of them is new."""
        made = False
        with self._connect() as connection:
            for row in rows:
                held = _hash(connection, row.sae, row.feature_index)
                values = {**vars(row), "delete_hash": held or digest(fresh)}
                if held is None:
                    connection.execute(sa.insert(LABEL).values(values))
                    made = True
                else:
                    _check(held, token, trusted, row.feature_index)
                    mine = _of(row.sae, row.feature_index)
                    connection.execute(sa.update(LABEL).where(mine).values(values))
        return made

    def delete(self, sae: str, feature_index: int, *, token: str, trusted: bool) -> None:
        """Remove one: KeyError where there is none; WrongDeleteToken as of `put`."""
        with self._connect() as connection:
            held = _hash(connection, sae, feature_index)
            if held is None:
                raise KeyError(feature_index)
            _check(held, token, trusted, feature_index)
            connection.execute(sa.delete(LABEL).where(_of(sae, feature_index)))


def _of(sae: str, feature_index: int) -> sa.ColumnElement[bool]:
    return sa.and_(LABEL.c.sae == sae, LABEL.c.feature_index == feature_index)


def _hash(connection: sa.Connection, sae: str, feature_index: int) -> str | None:
    found = connection.execute(sa.select(LABEL.c.delete_hash).where(_of(sae, feature_index)))
    return found.scalar_one_or_none()


def _check(held: str, token: str, trusted: bool, feature_index: int) -> None:
    if not trusted and not hmac.compare_digest(held, digest(token)):
        raise WrongDeleteToken(feature_index)


def _row(one: sa.Row[tuple[object, ...]]) -> LabelRow:
    values = dict(one._mapping)
    del values["delete_hash"]
    return LabelRow(**values)
