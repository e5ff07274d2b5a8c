"""The HTML around every page, and the inline scripts in it."""

from __future__ import annotations

import re
from base64 import b64encode
from hashlib import sha256

from dash import Dash
from fastapi import FastAPI

# The scheme is set before the first paint: a page must not flash white at night.
INDEX = """<!DOCTYPE html>
<html lang="en" data-fs-base="">
  <head>
    {%metas%}
    <!--preview-->
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>{%title%}</title>
    <link rel="icon" href="/assets/favicon.svg" type="image/svg+xml">
    <link rel="preload" href="/assets/fonts/inter-latin-opsz-normal.woff2"
          as="font" type="font/woff2" crossorigin>
    <link rel="prefetch" as="script"
          href="/_dash-component-suites/plotly/package_data/plotly.min.js">
    <script>
      (function () {
        var kept = null;
        try { kept = localStorage.getItem("mantine-color-scheme-value"); } catch (e) {}
        var asked = matchMedia("(prefers-color-scheme: dark)").matches;
        var dark = kept === "dark" || (kept !== "light" && asked);
        document.documentElement.setAttribute("data-mantine-color-scheme", dark ? "dark" : "light");
        var query = new URLSearchParams(location.search);
        var base = document.documentElement.dataset.fsBase;
        var embed = location.pathname.startsWith(base + "/r/") && query.get("embed") === "1";
        if (embed) document.documentElement.setAttribute("data-fs-embed", "");
      })();
    </script>
    {%css%}
    <!--modules-->
  </head>
  <body>
    {%app_entry%}
    <footer hidden>{%config%}{%scripts%}{%renderer%}</footer>
  </body>
</html>"""

# Dash starts once the modules have run: they publish the components that it draws with.
AFTER_MODULES = """
document.addEventListener("DOMContentLoaded", () => new DashRenderer());
"""


def index_of(base: str, modules: str) -> str:
    """The HTML of the pages below `base`; `modules`: the tags that load the browser's code."""
    own = INDEX.replace('data-fs-base=""', f'data-fs-base="{base}"', 1)
    return own.replace("<!--modules-->", modules)


def allow_inline_scripts(app: Dash, server: FastAPI) -> None:
    """Tells the content policy (backend/serving/headers.py) which inline scripts are
    ours, by their hashes.

    There are two: the one in the head that sets the scheme before the first paint, and Dash's own
    start.
    """
    own = re.findall(r"<script>(.*?)</script>", INDEX, re.DOTALL)
    hashes = [f"'sha256-{b64encode(sha256(source.encode()).digest()).decode()}'" for source in own]
    server.state.script_hashes = [
        *getattr(server.state, "script_hashes", ()),
        *hashes,
        *app.csp_hashes(),
    ]
