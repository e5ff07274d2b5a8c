"""Experiments of a build: what ablating, moving and steering did,
as the companion file keeps it.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from backend.core.companions.file import Companion

SCHEMA = Path(__file__).with_name("schema.sql")
SCHEMA_VERSION = 3
KIND = "experiments"
SINCE = {"task": 2, "place": 2, "trial": 3}  # table -> the version that brought it
TABLES = ("estimate", "arm", "outcome", "prompt_value", "prompt", "answer", "finding", *SINCE)


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
        rows = self.query(
            "SELECT * FROM estimate WHERE experiment = $1 AND ($2 IS NULL OR outcome = $2) "
            "AND ($3 IS NULL OR arm = $3) AND ($4 IS NULL OR sae_id = $4) ORDER BY rowid",
            [experiment, outcome, arm, sae_id],
        )
        return [Estimate(*row) for row in rows]

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
        rows = self.query(
            "SELECT arm, subject, prompt, text, success FROM answer WHERE experiment = $1 ORDER "
            "BY rowid",
            [experiment],
        )
        return [Answer(*row) for row in rows]

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
        statement = (
            "SELECT task, title, noun, sha256 FROM task WHERE experiment = $1 ORDER BY rowid"
        )
        return [Task(*row) for row in self._since("task", statement, experiment)]

    def places(self, experiment: str) -> list[Place]:
        """Positions behind the subjects' names, in reading order; [] for an experiment that has
        none.
        """
        statement = (
            "SELECT subject, task, question, distance, token_id, text, token_class, kind, "
            "is_last FROM place WHERE experiment = $1 ORDER BY rowid"
        )
        return [Place(*row) for row in self._since("place", statement, experiment)]

    def trials(self, experiment: str) -> list[Trial]:
        """Edits that were tried, in the order of the search; [] for an experiment without one."""
        statement = (
            "SELECT subject, sae_id, layer, split, kind, feature_index, rise, promotes, strength, "
            "value, n, shown, n_closed, n_right, given_up, chosen FROM trial WHERE experiment = $1 "
            "ORDER BY rowid"
        )
        return [Trial(*row) for row in self._since("trial", statement, experiment)]

    def rows(self, table: str) -> list[dict[str, Any]]:
        """A whole table of schema.sql, a row a dict: for a job that writes the file anew."""
        if table not in TABLES:
            raise ValueError(f"table is {table!r}; allowed: {', '.join(TABLES)}.")
        if not self._has(table):
            return []
        columns = [name for name, *_ in self.query(f"DESCRIBE {table}")]
        return [
            dict(zip(columns, row, strict=True))
            for row in self.query(f"SELECT * FROM {table} ORDER BY rowid")
        ]

    def _has(self, table: str) -> bool:
        """Whether this file's version has the table."""
        return int(self.provenance()["schema_version"]) >= SINCE.get(table, 1)

    def _since(self, table: str, statement: str, experiment: str) -> list[tuple[Any, ...]]:
        return self.query(statement, [experiment]) if self._has(table) else []

    def _pairs(self, statement: str, experiment: str) -> list[tuple[str, str]]:
        return [(str(name), str(words)) for name, words in self.query(statement, [experiment])]
