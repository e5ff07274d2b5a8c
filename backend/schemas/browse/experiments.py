"""Experiments on prompts: what ablating, moving and steering did, arm by arm."""

from __future__ import annotations

from pydantic import Field

from backend.schemas.base import Interval, Response


class ExperimentEstimate(Response):
    arm: str = Field(description="what was done to the model: a key of `arms`")
    sae_id: str | None = Field(
        description="SAE of the features; “all” = all SAEs together; null = none is used"
    )
    layer: int | None = Field(
        description="the edit is after this decoder layer; null = none, or several"
    )
    subject: str = Field(description="what was asked; empty = everything")
    outcome: str = Field(description="what was measured: a key of `outcomes`")
    value: float = Field(description="in the outcome's unit")
    interval: Interval | None = Field(
        description="95 %: bootstrap over prompts, Wilson for shares; null = exact"
    )
    n: int = Field(description="prompts; 1 for what is no estimate")


class ExperimentTask(Response):
    task: str = Field(description="name of the task file, without its ending")
    title: str = Field(description="the task file's own title")
    noun: str = Field(description="what its subjects are, in the plural")
    sha256: str = Field(description="of the file's content; comments and layout do not count")


class ExperimentPlace(Response):
    subject: str = Field(description="as in the estimates of this place")
    task: str = Field(description="a task of `tasks`")
    question: str = Field(description="phrasing and tail, with {s} for the subject's name")
    distance: int = Field(description="tokens behind the name's last one")
    token_id: int = Field(description="vocabulary entry at the place")
    text: str = Field(description="of the token")
    token_class: str = Field(description="by frequency in the build: function, content or special")
    kind: str = Field(
        description="by spelling: punctuation, closed_class, other_word, word_piece, digits, "
        "han, other"
    )
    is_last: bool = Field(description="the prompt's last position, where the answer begins")


class Experiment(Response):
    name: str = Field(
        description="necessity, distance, grid, trait, difference_of_means, answers, carry, …"
    )
    prompts: str = Field(description="which prompts it was made on")
    arms: dict[str, str] = Field(description="arm -> what it does, in plain words")
    outcomes: dict[str, str] = Field(description="outcome -> definition with its unit")
    estimates: list[ExperimentEstimate] = Field(
        description="in the order in which the job wrote them"
    )
    findings: list[str] = Field(
        description="what held and what did not, written by the job from the figures"
    )
    tasks: list[ExperimentTask] = Field(
        default=[], description="task files that it was made from; empty: none"
    )
    places: list[ExperimentPlace] = Field(
        default=[], description="positions behind the subjects' names (carry)"
    )


class ExperimentList(Response):
    experiments: list[Experiment] = Field(description="those that were run beside this build")


class ExperimentAnswer(Response):
    arm: str = Field(description="what was done to the model: a key of the experiment's `arms`")
    subject: str = Field(
        description="what was asked, as in its estimates; with its SAE behind a comma where "
        "several were tried"
    )
    prompt: str = Field(description="the question, without what wraps it")
    text: str = Field(description="the greedy answer, up to its stop")
    success: bool | None = Field(
        description="whether it is what was sought; null = the arm has no criterion"
    )


class ExperimentAnswers(Response):
    experiment: str = Field(description="as asked")
    answers: list[ExperimentAnswer] = Field(
        description="in the order in which the job wrote them; empty: it kept none"
    )
