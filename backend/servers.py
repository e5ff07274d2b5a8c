"""What `functionscope serve`, `api` and `dashboard` answer with. With `backend.cli` the composition
root: the modules that may import all the others.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fastapi import FastAPI

    from backend.core.presets import Preset
    from backend.routes.request.rate import Doorkeeper
    from backend.schemas.presets import PresetChoice
    from backend.serving.live import Live
    from backend.serving.residents import Residents
    from backend.serving.several import Several
    from backend.settings import Settings


class CannotServe(Exception):
    """What the person must change, in one sentence."""


def api_alone(settings: Settings) -> FastAPI:
    """The API over what the settings name: one preset."""
    from backend.main import create_api

    preset = _asked(settings)
    return create_api(None, _live(preset, settings), settings, preset=preset)


def with_pages(settings: Settings, *, only: bool) -> Several:
    """API and pages of the preset that the settings name, and of every other one that is ready here
    below its prefix; `only`: of that one.
    """
    from backend.main import create_api
    from backend.serving.residents import Residents
    from backend.serving.several import Several

    preset = _asked(settings)
    others = {} if only else _ready(preset, settings)
    residents = None
    if others:
        residents = Residents(settings.memory, settings.device, seconds=settings.live_seconds)
    choices = [] if only else _choices(preset, others, settings)
    live = _live(preset, settings, residents)
    api = create_api(None, live, settings, preset=preset)
    _add_pages(api, choices)
    door = api.state.backend.door
    makers = {
        name: partial(_beside, other, settings, residents, door, choices)
        for name, other in others.items()
    }
    return Several(api, preset.name, makers)


def dashboard_alone(settings: Settings) -> FastAPI:
    """Pages that speak to an API elsewhere."""
    import httpx
    from fastapi import FastAPI

    from app.api import ApiClient
    from app.forward import forward_api
    from app.main import create_dashboard
    from backend.serving.headers import SecurityHeaders

    server = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    server.add_middleware(SecurityHeaders)
    forward_api(server, httpx.AsyncClient(base_url=settings.api_url, timeout=None))
    create_dashboard(ApiClient.at(settings.api_url), server=server)
    return server


def _asked(settings: Settings) -> Preset:
    """The preset that the settings name, or its fallback; its SAEs are fetched where a release
    names them and they are not here.
    """
    from backend.serving.fallback import preset_to_serve

    try:
        preset = preset_to_serve(settings)
        if any(sae.layer is None for sae in preset.saes):  # of a release, and not here yet
            _fetch_saes(preset)
            preset = preset_to_serve(settings)
    except ValueError as error:
        raise CannotServe(str(error)) from error
    return preset


def _fetch_saes(preset: Preset) -> None:
    """Those that are not here."""
    from backend.core.gguf import to_stderr
    from backend.core.hub import ModelUnavailable
    from precompute.fetching.fetch import fetch_preset

    try:
        fetch_preset(preset, report=to_stderr, model=False)
    except (ImportError, ValueError, ModelUnavailable, OSError) as error:
        raise CannotServe(str(error)) from error


def _live(
    preset: Preset,
    settings: Settings,
    residents: Residents | None = None,
    *,
    at_start: bool = True,
) -> Live:
    from backend.core.memory import require_within
    from backend.serving.live import THE_MODEL, Live
    from backend.serving.loading import load_preset_models, stated_bytes

    stated = stated_bytes(preset, settings.dtype, settings.sae_budget)

    def load() -> Any:
        require_within(settings.memory, preset.title, stated)
        chosen = settings.model_dump(include={"device", "dtype", "threads", "sae_budget"})
        return replace(load_preset_models(preset, **chosen), prefix_room=settings.prefix_bytes)

    return Live(
        load if settings.live else None,
        waiting=settings.queue,
        title=preset.title if residents else THE_MODEL,
        residents=residents,
        stated=stated,
        at_start=at_start,
    )


def _beside(
    preset: Preset,
    settings: Settings,
    residents: Residents | None,
    door: Doorkeeper,
    choices: list[PresetChoice],
) -> FastAPI:
    """API and pages of a preset that is not the default: its own build, loaded when it is used."""
    from backend.main import create_api
    from backend.serving.several import base_of

    own = settings.model_copy(
        update={"build": None, "preset": preset.name, "model": None, "sae": ()}
    )
    base = base_of(preset.name)
    live = _live(preset, own, residents, at_start=False)
    api = create_api(None, live, own, preset=preset, base=base, door=door)
    _add_pages(api, choices, base)
    return api


def _add_pages(api: FastAPI, choices: list[PresetChoice], base: str = "") -> None:
    from app.api import ApiClient
    from app.main import create_dashboard

    create_dashboard(ApiClient.in_process(api), server=api, base=base, presets=choices)


def _ready(served: Preset, settings: Settings) -> dict[str, Preset]:
    """The other presets of which all that is served lies here."""
    from backend.core.ready import what_makes_ready

    return {
        preset.name: preset
        for preset in _known(settings)
        if preset.name != served.name and not what_makes_ready(preset, live=settings.live)
    }


def _known(settings: Settings) -> list[Preset]:
    """Every preset with SAEs; one that cannot be read is named on stderr, and left out."""
    from backend.core.own import find_preset, known_names

    found = []
    for name in known_names(settings.presets):
        try:
            preset = find_preset(name, settings.presets)
        except ValueError as error:
            print(f"functionscope: a preset is left out: {error}", file=sys.stderr, flush=True)
            continue
        if preset.saes:
            found.append(preset)
    return found


def _choices(served: Preset, others: dict[str, Preset], settings: Settings) -> list[PresetChoice]:
    """The list that the model's name opens: what is served, then how the rest is made ready."""
    from backend.core.ready import what_makes_ready
    from backend.preset_list import in_brief
    from backend.schemas.presets import PresetChoice
    from backend.serving.several import base_of

    def row(preset: Preset, base: str, remedy: str = "") -> PresetChoice:
        return PresetChoice(preset.name, preset.title, in_brief(preset), base, remedy)

    rows = [row(served, "")] + [row(one, base_of(name)) for name, one in others.items()]
    for preset in _known(settings):
        if preset.name != served.name and preset.name not in others:
            rows.append(row(preset, "", what_makes_ready(preset, live=settings.live)))
    return rows
