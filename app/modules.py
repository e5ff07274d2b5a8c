"""The browser's code: ES modules under static/js, served where their content says.

`/modules/{digest}/main.js` imports the rest by relative addresses, so that one digest names them
all: a browser keeps them for good and asks for none of them again until one of them changes.
"""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

ROOT = Path(__file__).resolve().parents[1] / "static" / "js"
CACHE = "public, max-age=31536000, immutable"


class Modules(StaticFiles):
    """The files under their digest, for good; another digest, another version's, answers 404."""

    def __init__(self, directory: Path, current: str) -> None:
        super().__init__(directory=directory)
        self.current = current

    async def get_response(self, path: str, scope: Scope) -> Response:
        """`path` begins with a digest. Raises HTTPException(404) where there is no such file."""
        asked, _, name = path.partition("/")
        if asked != self.current:
            raise HTTPException(
                404, f"the modules in use are those of {self.current}: reload the page"
            )
        response = await super().get_response(name, scope)
        response.headers["Cache-Control"] = CACHE
        return response


def sources(root: Path = ROOT) -> list[str]:
    """Paths of the modules below `root`, with / between the names, in order."""
    return sorted(path.relative_to(root).as_posix() for path in root.rglob("*.js"))


def digest(root: Path = ROOT) -> str:
    """12 hexadecimal digits over every module's path and bytes."""
    found = sha256()
    for name in sources(root):
        found.update(f"{name}\0{sha256((root / name).read_bytes()).hexdigest()}\n".encode())
    return found.hexdigest()[:12]


def mount(server: FastAPI, root: Path = ROOT) -> str:
    """Serves the modules, before any page does -> the tags of a page's head that load them.

    All are named there: a browser that finds them import by import would wait once for every step
    of the way.
    """
    current = digest(root)
    address = f"/modules/{current}"
    server.mount("/modules", Modules(root, current), name="modules")
    ahead = [f'<link rel="modulepreload" href="{address}/{name}">' for name in sources(root)]
    return "\n    ".join([*ahead, f'<script type="module" src="{address}/main.js"></script>'])
