"""`--engine ray`: the API as a Ray Serve application of several replicas,
each with a model of its own.

Ray Serve gives a request to one replica and passes streams through as they come. Replicas share
nothing but the build, which they only read, and the store of runs. Rates and queues are counted in
each replica by itself.
"""

from __future__ import annotations

import argparse
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from fastapi import FastAPI

from backend.core.ray_cluster import NoCluster, join_cluster
from backend.serving.fallback import asked_preset
from backend.serving.listening import bind
from backend.settings import Settings

NAME = "functionscope"
ONGOING = 1000  # requests at one replica: it keeps a queue of its own, and refuses by itself


@dataclass(frozen=True)
class RayOptions:
    """`address`: "auto" for the cluster whose head is this machine; None: one is started here."""

    address: str | None
    replicas: int


def add_engine_options(parser: argparse.ArgumentParser) -> None:
    """Options of `serve` and `api` that are no settings of a single process."""
    add = parser.add_argument
    add(
        "--engine",
        choices=("local", "ray"),
        default="local",
        help="this process, or Ray Serve (default local)",
    )
    add(
        "--ray-address",
        choices=("auto",),
        help="the cluster whose head is this machine; default: one started here",
    )
    add("--replicas", type=int, metavar="N", help="replicas of the API on Ray Serve (default 1)")


def ray_options(parsed: argparse.Namespace, settings: Settings) -> RayOptions | None:
    """None for the local engine.

    ValueError for an option that the engine does not have, or replicas that cannot be.
    """
    if parsed.engine == "local":
        for name, value in {
            "--ray-address": parsed.ray_address,
            "--replicas": parsed.replicas,
        }.items():
            if value is not None:
                raise ValueError(f"{name} is for --engine ray.")
        return None
    replicas = 1 if parsed.replicas is None else parsed.replicas
    if replicas < 1:
        raise ValueError(f"--replicas is {replicas}; it must be 1 or more.")
    if replicas > 1 and settings.runs_url is None:
        raise ValueError(
            f"{replicas} replicas must share their recorded runs: set FUNCTIONSCOPE_RUNS_URL."
        )
    return RayOptions(parsed.ray_address, replicas)


class Replica:
    """What Ray Serve makes on a worker: the API, handed out once its model is there."""

    def __init__(self, make_api: Callable[[], FastAPI]) -> None:
        self.make_api = make_api

    def __serve_build_asgi_app__(self) -> FastAPI:
        api = self.make_api()
        live = api.state.backend.live
        live.start()
        live.ready.wait()
        return api


def serve_if_asked(
    parsed: argparse.Namespace,
    settings: Settings,
    make: Callable[[], FastAPI],
    front: Callable[[Settings], int] | None,
) -> int | None:
    """`serve_on_ray` where the options say so, else None. What cannot be served, or where, is said
    before a cluster is started: ValueError, CannotListen.
    """
    options = ray_options(parsed, settings)
    if options is None:
        return None
    asked_preset(settings)
    bind(settings.host, settings.port).close()
    return serve_on_ray(make, settings, options, front)


def serve_on_ray(
    make_api: Callable[[], FastAPI],
    settings: Settings,
    options: RayOptions,
    front: Callable[[Settings], int] | None,
) -> int:
    """Serve until interrupted. `front` answers at the settings' port and passes /api on to
    `api_url`; without one Ray Serve answers there itself.

    NoCluster where there is none; ValueError where it has too few GPUs.
    """
    host, port = ("127.0.0.1", _free_port()) if front else (settings.host, settings.port)
    with _deployed(make_api, settings, options, host, port) as url:
        if front:
            return front(settings.model_copy(update={"api_url": url}))
        print(f"FunctionScope: {url}", flush=True)
        over = threading.Event()
        signal.signal(signal.SIGTERM, lambda *_: over.set())
        over.wait()
    return 0


@contextmanager
def _deployed(
    make_api: Callable[[], FastAPI], settings: Settings, options: RayOptions, host: str, port: int
) -> Iterator[str]:
    """The URL of the running application, which ends with the context."""
    ray = join_cluster(options.address)
    try:
        try:
            from ray import serve
        except ImportError as error:
            raise NoCluster(
                "--engine ray needs Ray Serve: pip install 'functionscope[ray]'."
            ) from error
        quiet = {"log_level": "ERROR", "enable_access_log": False}
        serve.start(
            http_options={"host": host, "port": port, "location": "HeadOnly"}, logging_config=quiet
        )
        deployment = serve.deployment(
            serve.ingress()(Replica),
            name="api",
            num_replicas=options.replicas,
            max_ongoing_requests=ONGOING,
            ray_actor_options=_place(ray.cluster_resources(), settings.device, options.replicas),
            graceful_shutdown_timeout_s=settings.drain_seconds,
            logging_config=quiet,
        )
        serve.run(deployment.bind(make_api), name=NAME, route_prefix="/")
        try:
            yield f"http://{host}:{port}"
        finally:
            serve.shutdown()
    finally:
        ray.shutdown()


def _place(there: dict[str, float], device: str, replicas: int) -> dict[str, float]:
    """What a replica reserves: half its share of the CPUs,
    since Ray Serve's own actors need some, and one GPU.
    """
    n_gpus = int(there.get("GPU", 0))
    if device != "cpu" and n_gpus < replicas:
        raise ValueError(
            f"--device {device} needs a GPU for each of {replicas} replicas; the cluster has "
            f"{n_gpus}."
        )
    return {
        "num_cpus": round(min(1.0, there["CPU"] / replicas) / 2, 4),
        "num_gpus": int(device != "cpu"),
    }


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
