"""Patching: one prompt's states in another's run, layer by position; and residuals read as
words."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from backend.schemas.base import PositionRule, Request, Response, Text
from backend.schemas.naming import TokenRef
from backend.schemas.prompts import TURNS, Token, TokenizeRequest, Turns
from backend.schemas.sweep import TokenTarget

PatchSource = Literal["a", "unrelated"]
PatchSetName = Literal["all", "subject", "function", "content", "punctuation"]
WATCHED_MOST = 16


class PatchRequest(Request):
    prompt_a: Text = Field(description="prompt A, whose states are taken")
    prompt_b: Text = Field(
        description="prompt B, into whose run they are put. Of another length, it must differ "
        "from A in one span"
    )
    chat: bool = Field(default=False, description="wrap each prompt in the model's chat template")
    turns: Turns = Field(default=[], description=TURNS)
    answer_a: TokenTarget | None = Field(
        default=None,
        description="the token that answers A; null = the one that A is greedily followed by",
    )
    answer_b: TokenTarget | None = Field(
        default=None, description="the token that answers B; null = likewise"
    )
    unrelated: Text | None = Field(
        default=None,
        description="control: a prompt whose states are put into B too, each from as far before "
        "its end; null = none",
    )


class PatchCells(Response):
    """What follows prompt B, as parallel columns: by place in `positions`, or in `sets`."""

    log_odds: list[float] = Field(description="nats: log p(A's answer) - log p(B's answer)")
    probability_a: list[float] = Field(description="of A's answer, at temperature 1")
    probability_b: list[float] = Field(description="of B's answer")
    token_id: list[int] = Field(description="most probable token")
    text: list[str] = Field(description="that token, decoded alone")
    flipped: list[bool] = Field(description="the most probable token is A's answer")


class PatchRow(Response):
    """States put in after one layer."""

    source: PatchSource = Field(description="a = prompt A's states; unrelated = the control's")
    layer: int = Field(description="after this decoder layer")
    cells: PatchCells = Field(description="one position at a time")
    sets: PatchCells = Field(description="each set of positions together")
    sham: float = Field(
        description="largest change of any logit when B's own states are put into B at all "
        "positions: 0 if all is well"
    )


class PatchSet(Response):
    name: PatchSetName = Field(description="of the positions from the first difference on")
    positions: list[int] = Field(
        description="positions of B that are patched together; empty = B itself"
    )
    sentence: str = Field(description="which positions these are, in plain words")


class PatchEnds(Response):
    """Both prompts without any patch: the two ends of the scale, A first, then B."""

    cells: PatchCells = Field(description="A, then B")
    answer_a: TokenRef = Field(description="the token that answers A")
    answer_b: TokenRef = Field(description="the token that answers B")


class PatchAxes(Response):
    """What the map is of: its columns, its sets, and the ends of its scale."""

    tokens_a: list[Token] = Field(description="A's positions")
    tokens_b: list[Token] = Field(description="B's positions")
    positions: list[int] = Field(
        description="columns of the map: positions of B from the first difference on"
    )
    positions_a: list[int] = Field(description="the position of A whose state each column takes")
    subject: list[int] = Field(
        description="of the columns, positions of B where the prompts differ"
    )
    unmatched: list[int] = Field(
        description="positions of B's subject for which A has none; never patched"
    )
    sets: list[PatchSet] = Field(description="sets of positions that are patched together too")
    ends: PatchEnds = Field(description="A and B without any patch")
    n_rows: int = Field(description="rows of the whole map: one a layer, twice that with a control")


class PatchFrame(PatchAxes):
    """`event: map`, once, before the first row: the axes and the ends."""

    seq: int = Field(description="number of the frame")


class PatchRowFrame(Response):
    """`event: row`: one layer."""

    seq: int = Field(description="number of the frame")
    row: PatchRow = Field(description="the finished layer")
    done: int = Field(description="rows finished so far, this one included")


class PatchResponse(PatchAxes):
    rows: list[PatchRow] = Field(
        description="those that were run: A's from the first layer on, then the control's"
    )
    effective: dict[str, Any] = Field(description="the request as applied")


class PatchFinalFrame(Response):
    """`event: final`: the last frame. A cancelled map keeps the rows made so far."""

    seq: int = Field(description="number of the frame")
    status: Literal["done", "cancelled"] = Field(description="how it ended")
    result: PatchResponse | None = Field(
        description="all rows; null if cancelled before the prompts were run"
    )


class LensRequest(TokenizeRequest):
    positions: PositionRule | list[Annotated[int, Field(ge=0)]] = Field(
        default="last", description="where to read: a rule, or positions of the prompt"
    )
    layers: list[Annotated[int, Field(ge=0)]] | None = Field(
        default=None,
        min_length=1,
        description="after which decoder layers, all different; null = every one",
    )
    k: int = Field(default=10, ge=1, description="tokens per layer and position")
    watched: list[TokenTarget] = Field(
        default=[],
        max_length=WATCHED_MOST,
        description="tokens whose rank is told wherever they stand",
    )


class PromotedToken(Response):
    token_id: int = Field(description="vocabulary entry")
    text: str = Field(description="decoded alone")
    probability: float = Field(description="softmax of this reading, at temperature 1")


class WatchedToken(PromotedToken):
    rank: int = Field(description="1 = most promoted of the vocabulary")


class LensRow(Response):
    """One position after one layer, read through the final norm and the unembedding."""

    layer: int = Field(
        description="after this decoder layer; the last one's reading is what the model says"
    )
    position: int = Field(description="position in the prompt")
    tokens: list[PromotedToken] = Field(description="most promoted first")
    watched: list[WatchedToken] = Field(description="the watched tokens, in the order asked for")


class LensResponse(Response):
    tokens: list[Token] = Field(description="the prompt's positions")
    rows: list[LensRow] = Field(
        description="layer by layer, and within a layer position by position"
    )
    effective: dict[str, Any] = Field(description="the request as applied")
