"""What the handlers are handed: the build, the model, the settings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Annotated, Any

from fastapi import Depends, Request

from backend.core.companions.served import Build
from backend.core.presets import Preset, SaeSource
from backend.core.runs import RunStore
from backend.core.sae import Sae
from backend.routes.request.judged import JudgedBuilds
from backend.routes.request.kept import Keeper
from backend.routes.request.known import Known
from backend.routes.request.rate import Doorkeeper
from backend.serving.fitting import Fits
from backend.serving.joining import Joiner
from backend.serving.live import Live
from backend.serving.metrics import Metrics
from backend.settings import Settings


@dataclass(frozen=True)
class Backend:
    """Everything that `create_api` was given."""

    build: Build
    live: Live
    settings: Settings
    preset: Preset
    runs: RunStore
    known: Known
    door: Doorkeeper
    metrics: Metrics
    joiner: Joiner[Any]  # of inspect requests
    fits: Fits
    version: str = field(default="")
    base: str = ""  # before every path of a preset that is not the server's default
    keeper: Keeper = field(default_factory=Keeper)

    @cached_property
    def judged(self) -> JudgedBuilds:
        """What the rules say of this build and the others here."""
        return JudgedBuilds(self.preset, self.settings.presets)

    def live_saes(self) -> Mapping[str, Sae | SaeSource]:
        """Those that live requests take: of the model in memory, or as they lie here where it is
        loaded once it is used.
        """
        if self.live.loaded is not None:
            return self.live.loaded.saes
        here = self.preset.saes if self.live.state == "live" else ()
        return {one.sae_id: one for one in here if one.layer is not None and one.path.is_dir()}


async def backend(request: Request) -> Backend:
    """The server's parts. Like all dependencies here it is async:
    a sync one costs a change of thread.
    """
    served: Backend = request.app.state.backend
    return served


Served = Annotated[Backend, Depends(backend)]
