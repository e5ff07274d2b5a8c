"""The card of one SAE: what is known of it, and where every figure was measured."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from backend.schemas.base import Response

Measured = Literal["training", "build", "published", "here"]
Tried = Literal["off", "checking", "checked", "failed"]


class Figure(Response):
    value: int | float = Field(description="in the unit that the figure's own field names")
    measured: Measured = Field(
        description="training = by whoever trained the SAE, as its cfg.json states it; build = "
        "over the corpus of the build being served; published = by the release that it was fetched "
        "from; here = on the live model, on a short text that ships with the package"
    )


Known = Figure | None


class SaeCard(Response):
    """One SAE that is live, in the build or in the preset. A figure that nobody stated is null."""

    sae_id: str = Field(description="id used by every endpoint")
    layer: int | None = Field(description="residual stream after this decoder layer")
    hook: str | None = Field(description="the same by its name in TransformerLens")
    architecture: str | None = Field(
        description="activation function: gated, jumprelu, standard or topk"
    )
    width: int | None = Field(description="entries of the dictionary")
    live: bool = Field(description="loaded: /api/inspect and /api/steer take it")
    in_build: bool = Field(description="the build has its edges")
    release: str | None = Field(
        description="release that it was fetched from; null = none is named"
    )
    release_id: str | None = Field(description="its name within that release")
    training: str | None = Field(description="how it was trained, as its cfg.json says")
    left_out: str | None = Field(
        description="positions that neither its training nor the figures of it count"
    )
    unread: str = Field(
        description="why nothing is known of its training, with the remedy; empty = its cfg.json "
        "was read"
    )
    model: str = Field(description="title of the model whose residual stream it reads")
    licence: str = Field(description="notice of that model's licence; empty = none is stated")
    origin: str = Field(description="what that model's weights are; empty = as its name says")
    corpus: str | None = Field(
        description="text that the build counts, as the preset says it; null = not in a build"
    )

    tried: Tried = Field(
        description="whether it fits where it reads, tried on a short text once the model is live: "
        "off = not live, or FUNCTIONSCOPE_CHECK_SAES=false"
    )
    warnings: list[str] = Field(description="what does not fit, each with its figures")
    untried: str = Field(description="why it could not be tried; empty = it was, or will be")

    explained_variance_here: Known = Field(
        description="explained variance, as below, on the short text, in the scale in which the "
        "SAE sees its input"
    )
    recovered_loss_here: Known = Field(
        description="recovered loss, as below, on the short text, or its beginning where the "
        "vocabulary is large"
    )
    l0_here: Known = Field(description="mean firings per position of the short text")
    positions_here: Known = Field(
        description="positions of the short text, without special ones and those of giant norm"
    )
    trained_tokens: Known = Field(description="positions that it was trained on")
    k: Known = Field(description="firings per position that it was trained with")
    explained_variance: Known = Field(
        description="share of the residual stream's variance that its reconstruction explains: 1 − "
        "squared error / squares around the mean, on positions that it was not trained on"
    )
    explained_variance_without_top_dimension: Known = Field(
        description="the same without the dimension that varies most, which alone can flatter it"
    )
    top_dimension: Known = Field(description="the dimension of the stream that varies most")
    top_dimension_share: Known = Field(
        description="share of the stream's variance that lies in that dimension"
    )
    loss: Known = Field(
        description="next-token loss of the model itself on the scored rows, nats a token"
    )
    loss_reconstructed: Known = Field(
        description="the same with the stream replaced by its reconstruction, nats a token"
    )
    loss_zeroed: Known = Field(
        description="the same with the stream set to zero after that layer, nats a token"
    )
    reconstruction_score: Known = Field(
        description="recovered loss: (zeroed − through the SAE) / (zeroed − the model); close to 1 "
        "for any fair SAE where setting the layer to zero ruins the model"
    )
    scored_rows: Known = Field(description="rows of text that the losses are means over")
    l0_trained: Known = Field(
        description="mean firings per position on the positions that its threshold was set on"
    )
    never_fired_there: Known = Field(description="features that fired at none of those positions")
    calibration_positions: Known = Field(description="how many positions those are")
    l0_published: Known = Field(description="mean firings per position as its release states it")

    l0: Known = Field(description="mean firings per position over the build's corpus")
    n_active: Known = Field(description="features that fire anywhere in the build's corpus")
    never_fires: Known = Field(description="features that fire nowhere in the build's corpus")
    never_fires_share: Known = Field(description="the same as a share of the dictionary")
    positions: Known = Field(
        description="positions of the build's corpus, special tokens not counted"
    )
