"""The browser's modules as one script, made in Python when the server starts.

Nothing is parsed: Prettier lays every `import` and `export` of static/js out from a line's first
column, and only the forms below are used. A module becomes a function that reads what it imports
from those before it and returns what it exports; lines stay lines, so that the source map says
where each of them stands. What cannot be bundled so (a circle, `export let`, another form) raises
NotBundled: then the modules are served one by one, as they are.
"""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

IMPORT = re.compile(
    r'^import (?:(?:\* as (?P<space>\w+)|\{(?P<names>[^}]*)\}) from )?"(?P<path>\.[^"]*)";', re.M
)
EXPORT = re.compile(
    r"^export (?=(?:async )?function\*? (?P<function>\w+)|class (?P<type>\w+)"
    r"|const (?:(?P<const>\w+) =|\{(?P<taken>[^}]*)\} =))",
    re.M,
)
# in a comment's line, import("…") names a type
NEITHER = re.compile(
    r"^(?:import|export)\b.*|^(?!\s*(?:/\*\*|\*)).*\bimport(?:\.meta\b|\().*", re.M
)
MAP = "bundle.js.map"


class NotBundled(ValueError):
    """A module holds what a bundle of this kind cannot express; says which, and what."""


@dataclass(frozen=True)
class Bundle:
    """One script, and the source map that leads from its lines to the modules'."""

    script: str
    source_map: str


def bundle(modules: Mapping[str, str], entry: str = "main.js") -> Bundle:
    """`modules`: source by path, with / between the names. Only what `entry` needs is taken."""
    lines = ["const modules = {};"]
    sections = []
    for name in _in_order(modules, entry):
        body = _body(name, modules[name])
        lines.append(f"modules[{json.dumps(name)}] = (() => {{")
        n_lines = body.count("\n")
        sections.append(_section(name, len(lines), n_lines))
        lines += [*body.split("\n")[:n_lines], "})();"]
    lines.append("export { modules };")  # for whoever looks into a page: the instances that run
    lines.append(f"//# sourceMappingURL={MAP}\n")
    joined = {"version": 3, "file": "bundle.js", "sections": sections}
    return Bundle("\n".join(lines), json.dumps(joined, separators=(",", ":")))


def _in_order(modules: Mapping[str, str], entry: str) -> Iterator[str]:
    """What is imported comes before what imports it, otherwise in the order of the imports."""
    done, open_now = set[str](), list[str]()

    def visit(name: str) -> Iterator[str]:
        if name in done:
            return
        if name in open_now:
            circle = [*open_now[open_now.index(name) :], name]
            raise NotBundled("modules import each other: " + " → ".join(circle))
        if name not in modules:
            raise NotBundled(
                f"{open_now[-1] if open_now else 'the page'} imports {name}: no module"
            )
        open_now.append(name)
        for found in IMPORT.finditer(modules[name]):
            yield from visit(_path(name, found["path"]))
        done.add(open_now.pop())
        yield name

    yield from visit(entry)


def _path(importer: str, imported: str) -> str:
    return posixpath.normpath(posixpath.join(posixpath.dirname(importer), imported))


def _body(name: str, source: str) -> str:
    """The module with its imports read from `modules` and its exports returned, line for line."""
    exported: list[str] = []

    def read(found: re.Match[str]) -> str:
        whole = f"modules[{json.dumps(_path(name, found['path']))}];"
        if found["space"]:
            return f"const {found['space']} = {whole}"
        if found["names"] is None:
            return ""
        return f"const {{{re.sub(r' as ', ': ', found['names'])}}} = {whole}"

    def plain(found: re.Match[str]) -> str:
        named = found["function"] or found["type"] or found["const"]
        taken = [one.split(":")[-1].strip() for one in (found["taken"] or "").split(",")]
        exported.extend([named] if named else [one for one in taken if one])
        return ""

    body = EXPORT.sub(plain, IMPORT.sub(read, source))
    if left := NEITHER.search(body):
        line = body.count("\n", 0, left.start()) + 1
        raise NotBundled(f"{name}, line {line}: “{left.group()[:80]}” cannot be bundled")
    return f"{body.rstrip()}\nreturn {{ {', '.join(exported)} }};\n"


def _section(name: str, line: int, n_lines: int) -> dict[str, object]:
    """Lines `line` … of the bundle are the lines 0 … of the module."""
    mappings = ";".join(["AAAA", *["AACA"] * (n_lines - 2)])
    one = {"version": 3, "sources": [name], "names": [], "mappings": mappings}
    return {"offset": {"line": line, "column": 0}, "map": one}
