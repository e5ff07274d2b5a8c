"""/api/health: live, degraded or down, and why; each reason with its file and its remedy."""

from __future__ import annotations

from fastapi import APIRouter, Request

from backend.core.fingerprints import mismatches
from backend.core.store import StoreError, StoreInvalid, StoreMissing
from backend.routes.request.served import Backend, Served
from backend.routes.session import is_locked
from backend.schemas import Health

router = APIRouter(tags=["server"])


@router.get("/health")
def read_health(request: Request, served: Served) -> Health:
    """Whether the parts that were configured work; cheap enough to poll."""
    live = served.live
    build_detail, has_build = _build(served)
    why = [served.preset.note] if served.preset.note else []
    why += [] if has_build else [build_detail]
    if live.state in ("absent", "failed"):
        why.append(
            f"No live model, so only what is precomputed or recorded can be seen: {live.detail}."
        )
    if live.loaded is not None:
        why += live.loaded.damaged.values()
        why += served.fits.warnings_of(live.loaded.saes)
    why += belonging(served)
    why += damaged_companions(served) if has_build else []
    why += [served.runs.failure] if served.runs.failure else []
    return Health.model_validate(
        {
            "status": _status(live.state, has_build, why),
            "why": why,
            "live": live.state,
            "live_detail": live.detail,
            "locked": is_locked(request, served),
            "queue": len(live.queue.tickets),
            "queue_position": live.queue.place_of(request.scope["state"]["client"]),
            "build": has_build,
            "build_detail": build_detail,
            "version": served.version,
        }
    )


def belonging(served: Backend) -> list[str]:
    """How the served build differs from the live model;
    [] when it belongs to it, or one of the two is absent.
    """
    loaded, store = served.live.loaded, served.build.get()
    return (
        mismatches(store.provenance(), loaded.files)
        if loaded is not None and store is not None
        else []
    )


def damaged_companions(served: Backend) -> list[str]:
    """Result files beside the build that are there but cannot be used;
    one that is absent is no fault.
    """
    found = []
    for opened in served.build.companions().values():
        try:
            opened()
        except StoreInvalid as error:
            found.append(str(error))
        except StoreMissing:
            continue
    return found


def _build(served: Backend) -> tuple[str, bool]:
    """The build's file name, or why there is none and the remedy; and whether there is one."""
    try:
        store = served.build.require()
        store.saes()
    except StoreError as error:
        return str(error), False
    return store.path.name, True


def _status(live: str, has_build: bool, why: list[str]) -> str:
    if not has_build and live in ("absent", "failed"):
        return "down"
    if why:
        return "degraded"
    return "loading" if live == "loading" else "live"
