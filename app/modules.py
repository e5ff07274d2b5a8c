"""The browser's code and styles: static/js and static/*.css, served where their content says.

A page asks for two files, `/modules/{digest}/bundle.js` and `…/styles.css`, made of all the others
when the server starts: asking for each by itself is most of what a page over a slow line waits for.
One digest names everything: a browser keeps it for good and asks again when anything has changed.
The modules themselves lie beside the bundle, for the developer tools, whose source map leads there,
and for a page when they cannot be bundled.
"""

from __future__ import annotations

import logging
import re
from hashlib import sha256
from pathlib import Path

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

from app.bundle import MAP, NotBundled, bundle

STATIC = Path(__file__).resolve().parents[1] / "static"
CACHE = "public, max-age=31536000, immutable"
TYPES = {".js": "text/javascript", ".css": "text/css", ".map": "application/json"}
log = logging.getLogger(__name__)


class Modules(StaticFiles):
    """Files under their digest, for good; another digest, another version's, answers 404."""

    def __init__(self, directory: Path, current: str, made: dict[str, str]) -> None:
        super().__init__(directory=directory)
        self.current = current
        self.made = {name: text.encode() for name, text in made.items()}

    async def get_response(self, path: str, scope: Scope) -> Response:
        """`path` begins with a digest. Raises HTTPException(404) where there is no such file."""
        asked, _, name = path.partition("/")
        if asked != self.current:
            raise HTTPException(
                404, f"the modules in use are those of {self.current}: reload the page"
            )
        if name in self.made:
            response = Response(self.made[name], media_type=TYPES[Path(name).suffix])
        else:
            response = await super().get_response(name, scope)
        response.headers["Cache-Control"] = CACHE
        return response


def sources(static: Path = STATIC) -> dict[str, str]:
    """Every module below `static`/js by its path there, with / between the names, in order."""
    root = static / "js"
    read = {path.relative_to(root).as_posix(): path for path in root.rglob("*.js")}
    return {name: path.read_text(encoding="utf-8") for name, path in sorted(read.items())}


def styles(static: Path = STATIC) -> str:
    """All the style sheets, in the order of their names; what they refer to lies in /assets."""
    sheets = [path.read_text(encoding="utf-8") for path in sorted(static.glob("*.css"))]
    return re.sub(r'url\("(?!data:|/)', 'url("/assets/', "\n".join(sheets))


def made_of(modules: dict[str, str], sheet: str) -> dict[str, str]:
    """What is served beside the modules, by name; no bundle where there can be none, and a warning
    that says why.
    """
    try:
        bundled = bundle(modules)
    except NotBundled as why:
        log.warning("the browser's modules are served one by one: %s", why)
        return {"styles.css": sheet}
    return {"styles.css": sheet, "bundle.js": bundled.script, MAP: bundled.source_map}


def digest(modules: dict[str, str], made: dict[str, str]) -> str:
    """12 hexadecimal digits over the names and texts of all that is served."""
    found = sha256()
    for name, text in [*modules.items(), *made.items()]:
        found.update(f"{name}\0{sha256(text.encode()).hexdigest()}\n".encode())
    return found.hexdigest()[:12]


def mount(server: FastAPI, static: Path = STATIC) -> str:
    """Serves them, before any page does -> the tags of a page's head that load them.

    Where there is no bundle every module is named there: a browser that finds them import by
    import would wait once for every step of the way.
    """
    modules = sources(static)
    made = made_of(modules, styles(static))
    current = digest(modules, made)
    address = f"/modules/{current}"
    server.mount("/modules", Modules(static / "js", current, made), name="modules")
    tags = [f'<link rel="stylesheet" href="{address}/styles.css">']
    entry = "bundle.js"
    if entry not in made:
        entry = "main.js"
        tags += [f'<link rel="modulepreload" href="{address}/{name}">' for name in modules]
    return "\n    ".join([*tags, f'<script type="module" src="{address}/{entry}"></script>'])
