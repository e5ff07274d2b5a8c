"""Prompt sets: what was pasted or uploaded read as prompts, and an edit tried on each of them."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from backend.schemas.base import PositionRule, Request, Response, Stops, Text
from backend.schemas.prompts import TURNS, Turns
from backend.schemas.steering import Intervention
from backend.schemas.sweep import Target
from backend.schemas.traits import Rate

PromptFormat = Literal["lines", "jsonl", "csv", "parquet"]


class PromptsRequest(Request):
    """Exactly one of text and file."""

    text: Text | None = Field(default=None, description="what was pasted")
    file: str | None = Field(default=None, description="bytes of a file, in base64")
    name: Text = Field(
        default="", max_length=255, description="the file's name: its ending says what it is"
    )
    format: PromptFormat | None = Field(
        default=None,
        description="one prompt a line, JSON Lines (objects or texts), CSV with a first row of "
        "names, or Parquet; null = by the name's ending, else by how it begins",
    )
    column: Text | None = Field(
        default=None,
        description="which column holds the prompts; null = one called prompt, text, question, "
        "input, instruction or sentence, else the first",
    )

    @model_validator(mode="after")
    def check_one(self) -> PromptsRequest:
        """One of the two: neither is preferred."""
        if (self.text is None) == (self.file is None):
            raise ValueError("exactly one of text and file")
        return self


class WrongRow(Response):
    row: int = Field(description="line of the text or row of the Parquet file, from 1")
    what: str = Field(description="what came there, and what is allowed")


class PromptsResponse(Response):
    prompts: list[str] = Field(description="the first limits.set_prompts of them, in order")
    n_prompts: int = Field(description="prompts that could be read, those left out included")
    columns: list[str] = Field(description="columns that may hold prompts; none for plain lines")
    column: str | None = Field(description="the column that was read")
    wrong: list[WrongRow] = Field(description="the first 50 rows that hold no prompt, and why")
    n_wrong: int = Field(description="rows that hold no prompt")
    n_blank: int = Field(description="empty rows, which are left out")
    effective: dict[str, Any] = Field(description="format and column as applied")


class SetIntervention(Intervention):
    """An edit of every prompt of a set: prompts differ in length, so its place is a rule."""

    positions: PositionRule = Field(
        default="last_function", description="where in each prompt: a rule, no numbers"
    )


class SteerSetRequest(Request):
    prompts: list[Text] = Field(min_length=1, description="texts, each asked by itself")
    chat: bool = Field(default=False, description="wrap each prompt in the model's chat template")
    prefix: Text = Field(
        default="", description="text before each prompt, run once, not edited; not with chat"
    )
    turns: Turns = Field(default=[], description=TURNS)
    interventions: list[SetIntervention] = Field(
        min_length=1, description="applied together, in every prompt"
    )
    max_new_tokens: int = Field(default=12, ge=1, description="greedy tokens per answer")
    stop: Stops = Field(default=[], description="an answer ends before the first of these strings")
    success: Target | None = Field(
        default=None,
        description="what counts as success in an answer; a token target when it is the greedy "
        "next token; null = no rate of success, only of changed answers",
    )
    controls: bool = Field(default=True, description="also run the three control arms")
    seed: int = Field(
        default=0, ge=0, lt=2**63, description="draws the content token and the random feature"
    )


class SetArm(Response):
    name: str = Field(
        description="baseline, steered, content_position, random_feature or sign_flipped"
    )
    sentence: str = Field(description="what this arm does, in plain words")
    success: Rate | None = Field(
        description="prompts whose answer succeeds; null without a target, or before the first"
    )
    changed: Rate | None = Field(
        description="prompts whose answer is not the baseline's; null for the baseline"
    )


class SetAnswer(Response):
    text: str = Field(description="the greedy answer, without the prompt")
    success: bool | None = Field(description="whether it succeeds; null without a target")
    changed: bool = Field(description="it is not the baseline's")


class SetRow(Response):
    prompt: int = Field(description="which prompt of the request, from 0")
    answers: dict[str, SetAnswer] = Field(
        description="by arm; content_position is missing where a prompt has no content token "
        "that no edit touches"
    )


class SteerSetResponse(Response):
    arms: list[SetArm] = Field(description="over the prompts done so far, the baseline first")
    rows: list[SetRow] = Field(description="a prompt each, in order")
    done: int = Field(description="prompts answered so far")
    total: int = Field(description="prompts asked for")
    effective: dict[str, Any] = Field(description="the request as applied")


class SteerSetFrame(Response):
    """`event: answers`: what came since the frame before, and the rates so far."""

    seq: int = Field(description="number of the frame")
    rows: list[SetRow] = Field(description="the prompts answered since the last frame")
    arms: list[SetArm] = Field(description="over all prompts done so far")
    done: int = Field(description="prompts answered so far")
    total: int = Field(description="prompts asked for")


class SteerSetFinalFrame(Response):
    """`event: final`: the last frame. A cancelled stream keeps what was answered."""

    seq: int = Field(description="number of the frame")
    status: Literal["done", "cancelled"] = Field(description="how it ended")
    result: SteerSetResponse = Field(description="over the prompts that were answered")
