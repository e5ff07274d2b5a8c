"""The modules as one script: the same values, the same lines, refused where it cannot be so."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from app.bundle import NotBundled, bundle
from app.modules import made_of, sources

ROOM = {
    "main.js": """/* The entry. */

import * as room from "./room/index.js";
import {
  later,
  twice as double,
} from "./room/one.js";
import "./room/effect.js";

globalThis.said.push(room.double(2), double(5), later.b, globalThis.effects);
""",
    "room/index.js": """import { twice } from "./one.js";
import "./effect.js";
export const double = twice;
""",
    "room/one.js": """/** @type {import("./two.js").Kind} */
const kept = 2;
export const { a, b: taken } = { a: 1, b: kept };
export const later = { b: taken };
/** @param {number} n */
export function twice(n) {
  return `import "./nothing.js";${n * kept}`.length ? n * kept : 0;
}
export async function waits() {}
""",
    "room/effect.js": "globalThis.effects = (globalThis.effects ?? 0) + 1;\n",
    "unused.js": "throw new Error('nobody imports me');\n",
}


def test_what_ships_is_one_script(caplog: pytest.LogCaptureFixture) -> None:
    modules = sources()
    made = made_of(modules, "")
    assert set(made) == {"styles.css", "bundle.js", "bundle.js.map"}
    assert not caplog.records
    for name in modules:
        assert f'\nmodules["{name}"] = ' in made["bundle.js"]


@pytest.mark.skipif(shutil.which("node") is None, reason="no Node to run it")
def test_it_does_what_the_modules_do(tmp_path: Path) -> None:
    for name, text in ROOM.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    (tmp_path / "package.json").write_text('{"type": "module"}')
    (tmp_path / "bundle.js").write_text(bundle(ROOM).script)
    said = [_said(tmp_path / name) for name in ("main.js", "bundle.js")]
    assert said == [[4, 10, 2, 1]] * 2


def _said(entry: Path) -> list[object]:
    run = "globalThis.said = []; await import(process.argv[1]); console.log(JSON.stringify(said))"
    command = ["node", "--input-type=module", "-e", run, str(entry)]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert answer.returncode == 0, answer.stderr
    return list(json.loads(answer.stdout))


def test_the_map_leads_from_each_line_to_its_own() -> None:
    modules = sources()
    made = bundle(modules)
    lines, led = made.script.split("\n"), set[str]()
    for section in json.loads(made.source_map)["sections"]:
        (name,) = section["map"]["sources"]
        own = modules[name].rstrip().split("\n")
        assert section["map"]["mappings"] == ";".join(["AAAA", *["AACA"] * (len(own) - 1)])
        start = section["offset"]["line"]
        for shown, source in zip(lines[start : start + len(own)], own, strict=True):
            if not re.match(r"(import|export) |\} from ", source) and " as " not in source:
                assert shown == source, name
        led.add(name)
    assert led == {name for name in modules if f'modules["{name}"] =' in made.script}


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("room/one.js", "export let twice = 1;\n", "room/one.js, line 1: “export let"),
        ("room/one.js", "const a = 1;\nexport default a;\n", "room/one.js, line 2: “export def"),
        ("room/one.js", 'export * from "./two.js";\n', "line 1: “export *"),
        ("room/one.js", 'import one from "./effect.js";\n', "line 1: “import one"),
        ("room/one.js", 'const a = await import("./two.js");\n', "line 1: “const a = await"),
        ("room/one.js", "const a = import.meta.url;\n", "import.meta"),
        ("room/one.js", 'import { d } from "./index.js";\n', "room/index.js → room/one.js → room/"),
        ("main.js", 'import { d } from "./none.js";\n', "main.js imports none.js"),
    ],
)
def test_what_cannot_be_bundled_is_served_as_it_is_and_said(
    name: str, text: str, why: str, caplog: pytest.LogCaptureFixture
) -> None:
    modules = {**ROOM, name: text}
    with pytest.raises(NotBundled, match=re.escape(why)):
        bundle(modules)
    assert set(made_of(modules, "")) == {"styles.css"}
    assert "one by one" in caplog.text
    assert why in caplog.text
