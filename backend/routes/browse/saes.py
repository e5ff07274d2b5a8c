"""/api/saes/{sae_id}: the card of one SAE, with or without a live model."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, Path

from backend.core.presets import SaeSource
from backend.core.sae.stated import Stated, TrainedFigures, read_stated
from backend.core.store import Store
from backend.core.store.base import SaeRow
from backend.routes.request.problems import Refusal
from backend.routes.request.served import Backend, Served
from backend.schemas.saes import SaeCard
from backend.serving.fitting import Fits

router = APIRouter(tags=["server"])
_ON_THE_CARD = {"l0": "l0_trained"}  # there `l0` is the build's


@router.get("/saes/{sae_id}")
def read_sae(
    sae_id: Annotated[str, Path(description="one of the SAEs that /api/capabilities lists")],
    served: Served,
) -> SaeCard:
    """What is known of one SAE: where it reads, how it was trained, how good it is and where that
    was measured.
    """
    store, live = served.build.get(), served.live_saes()
    rows = {row.sae_id: row for row in store.saes()} if store else {}
    sources = {source.sae_id: source for source in served.preset.saes}
    known = list(dict.fromkeys([*sources, *rows, *live]))
    if sae_id not in known:
        named = ", ".join(known) or "none"
        raise Refusal(404, f"There is no SAE {sae_id!r} here; known: {named}.")
    row, source = rows.get(sae_id), sources.get(sae_id)
    stated, unread = _stated(served, sae_id, row, source)
    return SaeCard.model_validate(
        {
            "sae_id": sae_id,
            "live": sae_id in live,
            "in_build": row is not None,
            "unread": unread,
            "release": source.release if source else None,
            "release_id": source.id if source else None,
            "training": stated.training if stated else None,
            "left_out": stated.left_out if stated else None,
            "model": served.preset.title,
            "licence": served.preset.licence,
            "origin": served.preset.origin,
            "corpus": served.preset.corpus if row else None,
            **_tried(served.fits, sae_id, live=sae_id in live),
            **_place(stated, row, source),
            **_trained(stated),
            "l0_published": _figure(_published(stated, source), "published"),
            **_counted(store, row),
        }
    )


def _stated(
    served: Backend, sae_id: str, row: SaeRow | None, source: SaeSource | None
) -> tuple[Stated | None, str]:
    """What its folder says, and why that is not known."""
    loaded = served.live.loaded
    sae = loaded.saes.get(sae_id) if loaded else None
    folder = sae.folder if sae is not None else source.path if source else None
    if folder is None:
        return None, f"The preset {served.preset.name} names no folder of it."
    if not folder.is_dir():
        return None, (
            f"There is no folder {folder}: `functionscope fetch` gets the SAEs of a preset."
        )
    try:
        stated = read_stated(folder)
    except (ValueError, OSError) as error:
        return None, str(error)
    config = stated.config
    if row is not None and (row.layer, row.d_sae) != (config.layer, config.d_sae):
        return None, (
            f"{folder} holds an SAE after layer {config.layer} of width {config.d_sae}; the build "
            f"counted one after layer {row.layer} of width {row.d_sae}: give the folder that it "
            "was made with."
        )
    return stated, ""


def _place(stated: Stated | None, row: SaeRow | None, source: SaeSource | None) -> dict[str, Any]:
    """What it reads, and its shape: from its folder, else the build, else the preset."""
    found: tuple[int | str | None, ...]
    if stated is not None:
        config = stated.config
        found = (config.layer, config.hook_name, config.architecture, config.d_sae)
    elif row is not None:
        found = (row.layer, row.hook_name, row.architecture, row.d_sae)
    else:
        layer, width = (source.layer, source.d_sae) if source else (None, None)
        found = (layer, None, None, width)
    return dict(zip(("layer", "hook", "architecture", "width"), found, strict=True))


def _trained(stated: Stated | None) -> dict[str, Any]:
    """The figures of its training, each by its name on the card."""
    figures = asdict(stated.figures if stated else TrainedFigures())
    return {
        _ON_THE_CARD.get(name, name): _figure(value, "training") for name, value in figures.items()
    }


def _tried(fits: Fits, sae_id: str, *, live: bool) -> dict[str, Any]:
    """What the short text showed."""
    found = fits.found.get(sae_id)
    figures: dict[str, float | None] = dict.fromkeys(
        ("explained_variance_here", "recovered_loss_here", "l0_here", "positions_here")
    )
    if found is not None:
        figures |= {
            "explained_variance_here": found.explained_variance,
            "recovered_loss_here": found.recovered_loss,
            "l0_here": found.l0,
            "positions_here": found.n_positions,
        }
    return {
        "tried": fits.state(sae_id) if live else "off",
        "warnings": list(found.warnings) if found else [],
        "untried": fits.failed.get(sae_id, ""),
        **{name: _figure(value, "here") for name, value in figures.items()},
    }


def _published(stated: Stated | None, source: SaeSource | None) -> float | None:
    """The release's own figure: as the folder keeps it, else as the preset states it."""
    if stated is not None and stated.l0_published is not None:
        return stated.l0_published
    measured = stated is not None and stated.figures.l0 is not None
    return source.l0 if source is not None and source.release and not measured else None


def _counted(store: Store | None, row: SaeRow | None) -> dict[str, Any]:
    """What the build's corpus says of it."""
    found: dict[str, float | None] = dict.fromkeys(
        ("l0", "n_active", "never_fires", "never_fires_share", "positions")
    )
    if store is not None and row is not None:
        silent = row.d_sae - row.n_active
        found |= {"l0": row.l0, "n_active": row.n_active, "never_fires": silent}
        found |= {
            "never_fires_share": silent / row.d_sae,
            "positions": store.provenance()["counts"]["positions"],
        }
    return {name: _figure(value, "build") for name, value in found.items()}


def _figure(value: float | None, measured: str) -> dict[str, Any] | None:
    return None if value is None else {"value": value, "measured": measured}
