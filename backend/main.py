"""`create_api`: the HTTP API as a function of what it serves. No global state."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from fastapi import FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from prometheus_client import generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from starlette.responses import HTMLResponse, Response
from starlette.staticfiles import StaticFiles

from backend.core.companions.served import Build
from backend.core.presets import Preset
from backend.core.runs import RunStore
from backend.core.store import Store
from backend.routes import api
from backend.routes.live.inspect_together import fits, run_together
from backend.routes.request import problems
from backend.routes.request.context import RequestContext
from backend.routes.request.known import Known
from backend.routes.request.limits import room
from backend.routes.request.problems import Refusal
from backend.routes.request.rate import Doorkeeper
from backend.routes.request.served import Backend
from backend.serving.fallback import asked_preset
from backend.serving.fitting import Fits
from backend.serving.headers import SecurityHeaders, inline_hashes
from backend.serving.joining import Joiner
from backend.serving.live import Live
from backend.serving.metrics import Metrics
from backend.settings import Settings

SWAGGER = Path(__file__).resolve().parents[1] / "static" / "vendor" / "swagger"
DESCRIPTION = """
How do a few function tokens reach almost everything a language model knows? \
Browse what a build holds
(tokens, coverage, features), read a prompt live (inspect), edit features and compare (steer), \
and record
a result under an id that anybody can open again (runs).

Every failure is an RFC 9457 problem with a `request_id`. Unknown fields and parameters are refused.
"""


def create_api(
    store: Store | None,
    live: Live,
    settings: Settings,
    *,
    preset: Preset | None = None,
    base: str = "",
    door: Doorkeeper | None = None,
) -> FastAPI:
    """The API over one build and one live model; either may be absent, and then says what to do.

    The model begins to load when the server starts. `preset` defaults to the one that `settings`
    name; without a `store`, the build at `settings.build` or the preset's path is opened once it
    exists. `base`: what stands before its paths outside, where it is one of several; those share
    a `door`.
    """
    metrics = Metrics()
    door = door or Doorkeeper(settings, metrics)
    served = _served(store, live, settings, preset or asked_preset(settings), metrics, door, base)
    live.queue.limit = settings.live_seconds
    _watch(live, metrics)

    app = FastAPI(
        title="FunctionScope",
        version=served.version,
        description=DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        servers=[{"url": base}] if base else None,
        lifespan=_lifespan(live, served.fits, served.runs),
    )
    app.state.backend = served
    app.state.script_hashes = []
    app.include_router(api.router)
    _refuse_unserved(app)
    problems.install(app)
    _guard(app, served)
    _serve_documentation(app, base)
    _serve_metrics(app, metrics)
    return app


def _served(
    store: Store | None,
    live: Live,
    settings: Settings,
    preset: Preset,
    metrics: Metrics,
    door: Doorkeeper,
    base: str,
) -> Backend:
    return Backend(
        Build(store, settings.build or preset.build, preset.training),
        live,
        settings,
        preset,
        RunStore(settings.runs_url.get_secret_value() if settings.runs_url else settings.runs),
        Known(metrics),
        door,
        metrics,
        Joiner(run_together, lambda plans: fits(plans, room(settings, plans[0].prompt.loaded))),
        Fits(live, wanted=settings.check_saes and settings.live),
        product_version(),
        base,
    )


def _lifespan(
    live: Live, tried: Fits, runs: RunStore
) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        live.start()
        tried.start()
        yield
        await tried.close()
        live.close()
        runs.close()

    return lifespan


def _watch(live: Live, metrics: Metrics) -> None:
    metrics.watch_queue(lambda: len(live.queue.tickets))
    metrics.watch_prefixes(lambda: live.loaded.prefixes.n_bytes if live.loaded else 0)
    live.queue.spent = metrics.model_seconds.inc


def _guard(app: FastAPI, served: Backend) -> None:
    """What stands around every answer, from the inside out."""
    app.add_middleware(
        RequestContext,
        max_body_bytes=served.settings.max_body_bytes,
        max_upload_bytes=served.settings.max_upload_bytes,
        body_seconds=served.settings.body_seconds,
        metrics=served.metrics,
        door=served.door,
        template_of=api.template_of,
        base=served.base,
    )
    app.add_middleware(SecurityHeaders)


def _refuse_unserved(app: FastAPI) -> None:
    """What is asked of a preset that is not served: a problem like any other, and no page."""

    @app.api_route("/m/{preset}/api/{rest:path}", methods=api.METHODS, include_in_schema=False)
    def refuse_preset(preset: str, rest: str) -> None:
        raise Refusal(
            404,
            f"The preset {preset!r} is not served here, so there is no /api/{rest} of it: "
            "`functionscope presets` says what is ready on this machine, and a server started "
            "anew serves that.",
        )


def product_version() -> str:
    """The installed version, or "unknown" when run from a folder that was never installed."""
    try:
        return version("functionscope")
    except PackageNotFoundError:
        return "unknown"


def _serve_documentation(app: FastAPI, base: str) -> None:
    """/docs from files of our own: the default loads Swagger UI from a CDN and is blank offline."""

    documentation = get_swagger_ui_html(
        openapi_url=f"{base}/openapi.json",
        title="FunctionScope API",
        swagger_js_url=f"{base}/docs/assets/swagger-ui-bundle.js",
        swagger_css_url=f"{base}/docs/assets/swagger-ui.css",
        swagger_favicon_url=f"{base}/docs/assets/favicon-32x32.png",
        swagger_ui_parameters={"validatorUrl": None, "defaultModelsExpandDepth": 0},
    )
    app.state.script_hashes += inline_hashes(bytes(documentation.body).decode())

    @app.get("/docs", include_in_schema=False)
    def read_documentation() -> HTMLResponse:
        return documentation

    app.mount("/docs/assets", StaticFiles(directory=SWAGGER), name="swagger")


def _serve_metrics(app: FastAPI, metrics: Metrics) -> None:
    @app.get("/metrics", include_in_schema=False)
    def read_metrics() -> Response:
        return Response(generate_latest(metrics.registry), media_type=CONTENT_TYPE_LATEST)
