"""`functionscope`: every command.

With `backend.servers` the composition root: the modules that may import all the others.

Exit codes: 0 done, 2 bad input or a missing prerequisite (one sentence on stderr), 130 interrupted.
Imports are inside the commands, so that `--help` and a mistyped option answer at once.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from backend.serving.several import App
    from backend.settings import Settings


class BadInput(Exception):
    """What the person must change, in one sentence."""


def main(argv: Sequence[str] | None = None) -> int:
    """The command line. Returns the exit code."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    wanted = next((one for one in arguments if one in COMMANDS), None)
    parser = _parser(wanted)
    parsed = parser.parse_args(arguments)
    run: Callable[[argparse.Namespace], int] = parsed.run
    try:
        return run(parsed)
    except BadInput as error:
        print(f"functionscope {wanted}: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


def _parser(wanted: str | None) -> argparse.ArgumentParser:
    """Options are read from the modules that own them, for the command that is `wanted` alone."""
    parser = argparse.ArgumentParser(
        prog="functionscope", description="How a few function tokens reach a model's features."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, command in COMMANDS.items():
        description = command.summary[0].upper() + command.summary[1:] + "."
        options = commands.add_parser(name, help=command.summary, description=description)
        options.set_defaults(run=command.run)
        if name == wanted:
            command.add_options(options)
    return parser


# ---------------------------------------------------------------- settings as options


def _add_api_settings(parser: argparse.ArgumentParser) -> None:
    from backend.serving.ray import add_engine_options
    from backend.settings import add_options

    add_engine_options(parser)
    add_options(parser, lambda name: name != "api_url")


def _add_serve_settings(parser: argparse.ArgumentParser) -> None:
    _add_api_settings(parser)
    parser.add_argument(
        "--only",
        action="store_true",
        help="serve that preset alone, and none of the others that are ready here (with --engine "
        "ray it always is)",
    )


def _add_dashboard_settings(parser: argparse.ArgumentParser) -> None:
    from backend.settings import add_options

    add_options(parser, lambda name: name in ("api_url", "host", "port", "log_level"))


def _options_of(module: str) -> Callable[[argparse.ArgumentParser], object]:
    """Its `add_arguments`, imported when they are asked for."""
    return lambda parser: import_module(module).add_arguments(parser)


def read_settings(parsed: argparse.Namespace) -> Settings:
    """Options over environment variables over defaults; BadInput names the wrong setting."""
    from backend.settings import settings_of

    try:
        return settings_of(vars(parsed))
    except ValueError as error:
        raise BadInput(str(error)) from error


def _api_settings(parsed: argparse.Namespace) -> Settings:
    """The same, for a command that keeps runs: BadInput also for a runs_url that is none."""
    from backend.core.runs import check_url
    from backend.settings import variable_of

    settings = read_settings(parsed)
    try:
        if settings.runs_url is not None:
            check_url(settings.runs_url.get_secret_value())
    except ValueError as error:
        raise BadInput(f"{variable_of('runs_url')} {error}") from None
    return settings


# ---------------------------------------------------------------- servers


def run_serve(parsed: argparse.Namespace) -> int:
    """API and dashboard on one port; of every preset that is ready here, where one process does."""
    from backend.servers import dashboard_alone, with_pages

    settings = _api_settings(parsed)
    served = _on_ray(parsed, settings, lambda own: _listen(own, lambda: dashboard_alone(own)))
    if served is not None:
        return served
    return _listen(settings, lambda: with_pages(settings, only=parsed.only))


def run_api(parsed: argparse.Namespace) -> int:
    """The API alone."""
    from backend.servers import api_alone

    settings = _api_settings(parsed)
    served = _on_ray(parsed, settings)
    return _listen(settings, lambda: api_alone(settings)) if served is None else served


def run_dashboard(parsed: argparse.Namespace) -> int:
    """Pages that speak to an API elsewhere."""
    from backend.servers import dashboard_alone

    settings = read_settings(parsed)
    return _listen(settings, lambda: dashboard_alone(settings))


def _on_ray(
    parsed: argparse.Namespace, settings: Settings, front: Callable[[Settings], int] | None = None
) -> int | None:
    """The exit code after serving on Ray; None where that was not asked for."""
    from backend.core.ray_cluster import NoCluster
    from backend.servers import CannotServe, api_alone
    from backend.serving.listening import CannotListen
    from backend.serving.ray import serve_if_asked

    try:
        return serve_if_asked(parsed, settings, partial(api_alone, settings), front)
    except (NoCluster, CannotListen, CannotServe, ValueError) as error:
        raise BadInput(str(error)) from error


def _listen(settings: Settings, make: Callable[[], App]) -> int:
    from backend.servers import CannotServe
    from backend.serving.listening import CannotListen, listen

    try:
        return listen(settings, make)
    except (CannotListen, CannotServe) as error:
        raise BadInput(str(error)) from error


# ---------------------------------------------------------------- the other commands


def run_precompute(parsed: argparse.Namespace) -> int:
    """A job of `precompute`."""
    from precompute.cli import run

    return run(parsed)


def run_presets(parsed: argparse.Namespace) -> int:
    """Names, models, SAEs, memory they need, and what of them is on this machine."""
    from backend.preset_list import listing

    return _print(lambda: listing(parsed.preset))


def _doing(module: str) -> Callable[[argparse.Namespace], int]:
    """A command that the module's `run` is; the dashboard's image has no jobs."""

    def run(parsed: argparse.Namespace) -> int:
        _work(lambda: import_module(module).run(parsed))
        return 0

    return run


def _work(work: Callable[[], object]) -> None:
    """BadInput says why something could not be had."""
    from backend.core.hub import ModelUnavailable

    try:
        work()
    except (ImportError, ValueError, ModelUnavailable, OSError) as error:
        raise BadInput(str(error)) from error


def _printing(module: str, name: str) -> Callable[[argparse.Namespace], int]:
    """A command that prints what this function of the module makes of its options."""
    return lambda parsed: _print(lambda: str(getattr(import_module(module), name)(parsed)))


def _print(make: Callable[[], str]) -> int:
    try:
        print(make())
    except (ValueError, OSError) as error:
        raise BadInput(str(error)) from error
    return 0


@dataclass(frozen=True)
class Command:
    """What `functionscope --help` says of it, its options, and what it does."""

    summary: str
    add_options: Callable[[argparse.ArgumentParser], object]
    run: Callable[[argparse.Namespace], int]


COMMANDS = {
    "serve": Command("API and dashboard in one process", _add_serve_settings, run_serve),
    "api": Command("the API alone", _add_api_settings, run_api),
    "dashboard": Command(
        "the dashboard alone, for an API elsewhere (needs no torch)",
        _add_dashboard_settings,
        run_dashboard,
    ),
    "precompute": Command(
        "the jobs that make a build, and the lab model",
        _options_of("precompute.cli"),
        run_precompute,
    ),
    "presets": Command(
        "list models and SAEs by name", lambda p: p.add_argument("preset", nargs="?"), run_presets
    ),
    "saes": Command(
        "list the SAEs that sae-lens knows",
        _options_of("precompute.fetching.listing"),
        _printing("precompute.fetching.listing", "listing"),
    ),
    "fetch": Command(
        "download a preset's model and SAEs, or convert an SAE folder",
        _options_of("precompute.fetching.command"),
        _doing("precompute.fetching.command"),
    ),
    "explanations": Command(
        "fetch what Neuronpedia says that a preset's features mean",
        _options_of("precompute.fetching.explanations"),
        _doing("precompute.fetching.explanations"),
    ),
    "mcp": Command(
        "tools for a language model over the Model Context Protocol, for an API elsewhere",
        _options_of("backend.model_context"),
        _doing("backend.model_context"),
    ),
    "export": Command(
        "write a table of a build as CSV or Parquet",
        _options_of("backend.table_export"),
        _printing("backend.table_export", "export"),
    ),
}


if __name__ == "__main__":
    sys.exit(main())
