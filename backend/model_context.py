"""`functionscope mcp`: its options, and the tools over the API that they name."""

from __future__ import annotations

import argparse

from backend.client import Client
from backend.settings import add_options, settings_of


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Which server, and its token."""
    add_options(parser, lambda name: name in ("api_url", "token"))


def run(parsed: argparse.Namespace) -> None:
    """Until stdin is closed. ImportError where the extra is not installed, ValueError for a setting
    that is wrong; both say the remedy.
    """
    settings = settings_of(vars(parsed))
    try:
        from backend.client.mcp_server import serve
    except ModuleNotFoundError as error:
        raise ImportError(
            f"the package {error.name} is not installed: pip install 'functionscope[mcp]'"
        ) from error
    token = settings.token.get_secret_value() if settings.token else None
    with Client(settings.api_url, token) as client:
        serve(client)
