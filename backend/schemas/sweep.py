"""Sweeps: one intervention over a grid of strengths and positions,
each cell measured and readable.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from backend.schemas.base import PositionRule, Request, Response, Stops, Text
from backend.schemas.prompts import NextToken, Token, TokenizeRequest
from backend.schemas.steering import Intervention


class TokenTarget(Request):
    """The probability of one next token after the prompt."""

    kind: Literal["token"] = Field(description="a next token")
    token_id: int | None = Field(default=None, ge=0, description="vocabulary entry; or give text")
    text: Text | None = Field(
        default=None,
        min_length=1,
        max_length=200,
        description="text that is one token of this model; or give token_id",
    )

    @model_validator(mode="after")
    def check_one(self) -> TokenTarget:
        if (self.token_id is None) == (self.text is None):
            raise ValueError("give token_id or text, and not both")
        return self


class RegexTarget(Request):
    """Whether a pattern is found in the greedy continuation: 1 or 0."""

    kind: Literal["regex"] = Field(description="a pattern in the text")
    pattern: Text = Field(
        min_length=1, max_length=200, description="Python regular expression, searched for"
    )


class LanguageTarget(Request):
    """Whether the greedy continuation is in a language's script: 1 or 0."""

    kind: Literal["language"] = Field(description="a language, by script")
    language: Literal["zh", "en"] = Field(
        description="zh: Han characters and no Latin letter; en: Latin letters and no Han character"
    )


Target = Annotated[TokenTarget | RegexTarget | LanguageTarget, Field(discriminator="kind")]


class SweepRequest(TokenizeRequest):
    sae_id: str = Field(description="SAE whose feature is swept")
    feature_index: int = Field(ge=0, description="dictionary entry of that SAE")
    mode: Literal["add", "clamp", "scale"] = Field(
        default="add", description="as in an intervention"
    )
    strengths: list[float] = Field(
        min_length=1, description="values of the intervention, all different"
    )
    positions: PositionRule | list[Annotated[int, Field(ge=0)]] = Field(
        default="all", description="one column each: a rule, or positions of the prompt"
    )
    interventions: list[Intervention] = Field(
        default=[], description="applied in every cell too; not in the baseline"
    )
    include_generated: bool = Field(default=False, description="edit generated positions too")
    freeze_attention: bool = Field(
        default=False,
        description="at the prompt's positions every cell attends as the baseline does, as in "
        "steering",
    )
    max_new_tokens: int = Field(
        default=8, ge=0, description="greedy tokens per cell; 0 = next token only"
    )
    stop: Stops = Field(
        default=[], description="a text ends before the first of these strings, in every cell"
    )
    target: Target | None = Field(
        default=None, description="what to measure beside the KL; null = KL alone"
    )


class SweepCell(Response):
    """One strength at one position: what POST /api/steer answers for that setting, greedy."""

    row: int = Field(description="index into strengths")
    column: int = Field(description="index into positions")
    strength: float = Field(description="value of the intervention")
    position: int = Field(description="prompt position of the intervention")
    kl: float = Field(description="nats, KL(cell ‖ baseline) of the next token after the prompt")
    target: float | None = Field(
        description="token: its probability; regex, language: 1 or 0; null = no target"
    )
    next_token: NextToken = Field(description="most probable after the prompt")
    text: str = Field(description="greedy continuation")
    token_ids: list[int] = Field(description="its tokens")


class SweepBaseline(Response):
    """The prompt without any intervention."""

    target: float | None = Field(description="as in a cell")
    next_token: NextToken = Field(description="most probable after the prompt")
    text: str = Field(description="greedy continuation")
    token_ids: list[int] = Field(description="its tokens")


class SweepResponse(Response):
    tokens: list[Token] = Field(description="the prompt's positions")
    prefix_length: int = Field(
        default=0, description="positions that are the prefix's, BOS included"
    )
    strengths: list[float] = Field(description="rows of the grid, in the order asked for")
    positions: list[int] = Field(description="columns of the grid, ascending")
    baseline: SweepBaseline = Field(description="what every cell is compared with")
    cells: list[SweepCell] = Field(description="those that were run, in the order of running")
    n_cells: int = Field(description="cells of the whole grid")
    effective: dict[str, Any] = Field(description="the request as applied")


class SweepFrame(Response):
    """`event: sweep`, once, before the first cell: the axes and the baseline."""

    seq: int = Field(description="number of the frame")
    tokens: list[Token] = Field(description="the prompt's positions")
    prefix_length: int = Field(
        default=0, description="positions that are the prefix's, BOS included"
    )
    strengths: list[float] = Field(description="rows of the grid")
    positions: list[int] = Field(description="columns of the grid")
    n_cells: int = Field(description="cells that will come")
    baseline: SweepBaseline = Field(description="what every cell is compared with")


class CellsFrame(Response):
    """`event: cells`: cells that were run together."""

    seq: int = Field(description="number of the frame")
    cells: list[SweepCell] = Field(description="finished cells")
    done: int = Field(description="cells finished so far, these included")


class SweepFinalFrame(Response):
    """`event: final`: the last frame. A cancelled sweep keeps the cells made so far."""

    seq: int = Field(description="number of the frame")
    status: Literal["done", "cancelled"] = Field(description="how it ended")
    result: SweepResponse | None = Field(
        description="all cells; null if cancelled before the baseline was run"
    )
