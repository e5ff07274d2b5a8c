"""People's own labels and notes on features."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from backend.schemas.base import Request, Response, Text
from backend.schemas.queries import Query

LABEL_MOST, NOTE_MOST, AUTHOR_MOST = 80, 4000, 80


def one_line(text: str) -> str:
    """Without spaces at its ends; ValueError for line breaks and for nothing."""
    if not text.isprintable() or not text.strip():
        raise ValueError("some words in one line")
    return text.strip()


class LabelBody(Request):
    label: Annotated[Text, AfterValidator(one_line)] = Field(
        min_length=1, max_length=LABEL_MOST, description="a few words, in one line"
    )
    note: Text = Field(default="", max_length=NOTE_MOST, description="anything more")
    author: Text = Field(default="", max_length=AUTHOR_MOST, description="who says so")


class Label(Response):
    sae_id: str = Field(description="what this server calls the SAE, or what it was called")
    sae: str = Field(
        description="hash of the SAE's weights: labels are kept by it, so that another build with "
        "the same SAE finds them"
    )
    feature_index: int = Field(description="dictionary entry of that SAE")
    label: str = Field(description="a few words")
    note: str = Field(description="anything more; empty = nothing")
    author: str = Field(description="as given; empty = nobody is named")
    date: str = Field(description="of the last change; UTC, ISO 8601")


class LabelWritten(Label):
    delete_token: str | None = Field(
        default=None,
        description="for X-Delete-Token, to change or remove it from elsewhere than the server's "
        "own machine where the server has no token; told once, for a label that is new",
    )


class LabelList(Response):
    labels: list[Label] = Field(description="by SAE, then feature")


class LabelDeleted(Response):
    sae_id: str = Field(description="which SAE")
    feature_index: int = Field(description="the feature that has no label any more")


class LabelsQuery(Query):
    sae_id: str | None = Field(
        default=None, max_length=200, description="only this SAE; left out: all that are served"
    )
    q: str | None = Field(default=None, max_length=200, description="part of the label")


class LabelsFileQuery(Query):
    format: Literal["csv", "json"] = Field(default="csv", description="what to download")
    sae_id: str | None = Field(
        default=None, max_length=200, description="only this SAE; left out: all that are served"
    )


class LabelsImport(Request):
    format: Literal["csv", "json"] = Field(description="what `text` is")
    text: Text = Field(
        description="a file as GET /api/labels/file makes it. Needed are feature_index, label and "
        "sae_id or sae; note, author and date may be left out"
    )
    existing: Literal["replace", "keep"] = Field(
        default="replace", description="what becomes of a label that the feature has already"
    )


class LabelsImported(Response):
    written: int = Field(description="labels that are new or that changed")
    unchanged: int = Field(description="rows that say what stands there already")
    kept: int = Field(description="rows left out, because the feature has another label")
