"""Experiments of a build: what ablating, moving and steering did,
as the companion file keeps it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, TypeVar

from backend.core.companions.file import Companion

SCHEMA = Path(__file__).with_name("schema.sql")
SCHEMA_VERSION = 3
KIND = "experiments"
# table, or table.column -> the version that brought it
SINCE = {"task": 2, "place": 2, "trial": 3}
TABLES = (
    "estimate",
    "arm",
    "outcome",
    "prompt_value",
    "prompt",
    "answer",
    "finding",
    "task",
    "place",
    "trial",
)
RowT = TypeVar("RowT")


@dataclass(frozen=True)
class Estimate:
    """One row of `estimate`: a figure with its 95 % interval; see schema.sql for the columns."""

    experiment: str
    sae_id: str | None
    layer: int | None
    arm: str
    subject: str
    outcome: str
    value: float
    low: float | None
    high: float | None
    n: int


@dataclass(frozen=True)
class Answer:
    """A greedy answer that an arm gave; `success` is None where the arm has no criterion."""

    arm: str
    subject: str
    prompt: str
    text: str
    success: bool | None


@dataclass(frozen=True)
class Task:
    """A task file that an experiment was made from; `noun`: what its subjects are, in plural."""

    task: str
    title: str
    noun: str
    sha256: str


@dataclass(frozen=True)
class Place:
    """A position behind a subject's name; `subject` as in its estimates. See schema.sql for the
    columns.
    """

    subject: str
    task: str
    question: str
    distance: int
    token_id: int
    text: str
    token_class: str
    kind: str
    is_last: bool


@dataclass(frozen=True)
class Trial:
    """An edit that was tried to give answers a trait. See schema.sql for the columns."""

    subject: str
    sae_id: str
    layer: int
    split: str
    kind: str
    feature_index: int | None
    rise: float | None
    promotes: float | None
    strength: float | None
    value: float
    n: int
    shown: int
    n_closed: int
    n_right: int
    given_up: bool
    chosen: bool


class ExperimentsStore(Companion):
    """The results file, read-only."""

    version = SCHEMA_VERSION
    older = (1, 2)
    since = SINCE
    remedy = "make it with `functionscope precompute experiments`."

    def names(self) -> list[str]:
        """The experiments that were run, in the order in which they were."""
        rows = self.query("SELECT experiment FROM estimate GROUP BY experiment ORDER BY min(rowid)")
        return [name for (name,) in rows]

    def estimates(
        self,
        experiment: str,
        *,
        outcome: str | None = None,
        arm: str | None = None,
        sae_id: str | None = None,
    ) -> list[Estimate]:
        """Rows of one experiment, in the order in which the job wrote them;
        arguments narrow them down.
        """
        where = "AND ($2 IS NULL OR outcome = $2) AND ($3 IS NULL OR arm = $3) AND ($4 IS NULL OR "
        narrowed = where + "sae_id = $4)"
        return self._rows(Estimate, "estimate", experiment, narrowed, [outcome, arm, sae_id])

    def arms(self, experiment: str) -> dict[str, str]:
        """arm -> what it does, in plain words."""
        return dict(
            self._pairs(
                "SELECT arm, sentence FROM arm WHERE experiment = $1 ORDER BY rowid", experiment
            )
        )

    def outcomes(self, experiment: str) -> dict[str, str]:
        """outcome -> definition with its unit."""
        statement = (
            "SELECT outcome, sentence || ' [' || unit || ']' FROM outcome WHERE "
            "experiment = $1 ORDER BY rowid"
        )
        return dict(self._pairs(statement, experiment))

    def answers(self, experiment: str) -> list[Answer]:
        """Answers kept to be read."""
        return self._rows(Answer, "answer", experiment)

    def findings(self, experiment: str) -> list[str]:
        """One sentence each: what held and what did not."""
        rows = self.query(
            "SELECT sentence FROM finding WHERE experiment = $1 ORDER BY rowid", [experiment]
        )
        return [sentence for (sentence,) in rows]

    def per_prompt(
        self, experiment: str, arm: str, outcome: str, sae_id: str | None = None
    ) -> list[float]:
        """The values behind a mean, by place in the experiment's prompts;
        [] when there are none.
        """
        rows = self.query(
            "SELECT vals FROM prompt_value WHERE experiment = $1 AND arm = $2 AND outcome = $3 "
            "AND sae_id IS NOT DISTINCT FROM $4",
            [experiment, arm, outcome, sae_id],
        )
        return [float(value) for value in rows[0][0]] if rows else []

    def tasks(self, experiment: str) -> list[Task]:
        """The task files that it was made from; [] for an experiment that has its questions
        elsewhere.
        """
        return self._rows(Task, "task", experiment)

    def places(self, experiment: str) -> list[Place]:
        """Positions behind the subjects' names, in reading order; [] for an experiment that has
        none.
        """
        return self._rows(Place, "place", experiment)

    def trials(self, experiment: str) -> list[Trial]:
        """Edits that were tried, in the order of the search; [] for an experiment without one."""
        return self._rows(Trial, "trial", experiment)

    def rows(self, table: str) -> list[dict[str, Any]]:
        """A whole table of schema.sql, a row a dict: for a job that writes the file anew.
        A column that the file is too old for is None.
        """
        if table not in TABLES:
            raise ValueError(f"table is {table!r}; allowed: {', '.join(TABLES)}.")
        if not self.has(table):
            return []
        columns = [name for name, *_ in self.query(f"DESCRIBE {table}")]
        later = [
            name for one, _, name in (key.partition(".") for key in self.since) if one == table
        ]
        lacking = dict.fromkeys(name for name in later if name and name not in columns)
        return [
            {**dict(zip(columns, row, strict=True)), **lacking}
            for row in self.query(f"SELECT * FROM {table} ORDER BY rowid")
        ]

    def _rows(
        self,
        row: type[RowT],
        table: str,
        experiment: str,
        where: str = "",
        parameters: Sequence[Any] = (),
    ) -> list[RowT]:
        """Rows of one experiment, in the order in which the job wrote them; `where` is more SQL.
        A column that the file is too old for is None, a table has no rows.
        """
        if not self.has(table):
            return []
        columns = self.selected(table, [field.name for field in fields(row)])  # type: ignore[arg-type]
        statement = f"SELECT {columns} FROM {table} WHERE experiment = $1 {where} ORDER BY rowid"
        return [row(*values) for values in self.query(statement, [experiment, *parameters])]

    def _pairs(self, statement: str, experiment: str) -> list[tuple[str, str]]:
        return [(str(name), str(words)) for name, words in self.query(statement, [experiment])]
