"""`python -m tests.quick [--base REF]`: within a minute, whether a change broke what lies near it.

Format, lint, import rules and sizes of everything, and no more where one of them failed; then
types, the same and the tests of the browser's code where that changed, and of the test files those
that changed and those nearest to the changed files in the import graph, until the time is used up.
A changed test file that did not run is named, others are counted: `make test` runs it all. The last
line is the verdict.
"""

import argparse
import ast
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ElementTree
from collections import deque
from collections.abc import Iterable, Mapping
from pathlib import Path

import grimp

ROOTS = ("app", "backend", "precompute")
SECONDS_FOR_TESTS = 25.0
ASSUMED_SECONDS = 5.0  # of a test file that no run has timed
ASSUMED_IN_BROWSER = 60.0
IN_BROWSER = ("browser", "golden_links")
JUNIT = Path("test-results/junit.xml")
FIRST = (
    ("ruff", "format", "--check", "."),
    ("ruff", "check", "."),
    ("lint-imports",),
    ("python", "-m", "tests.sizes"),
)
BROWSER_CODE = (".js", ".ts", ".json")


def changed_files(base: str) -> list[Path]:
    """Files that differ from where this branch left `base`, and new ones; deleted ones are not."""
    fork = _git("merge-base", "HEAD", base)[0]
    found = _git("diff", "--name-only", fork) + _git("ls-files", "--others", "--exclude-standard")
    return [path for path in map(Path, dict.fromkeys(found)) if path.exists()]


def _git(*words: str) -> list[str]:
    done = subprocess.run(["git", *words], capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


def module_of(path: Path) -> str:
    """`backend/core/hub.py` -> backend.core.hub; a package for its `__init__` and data files."""
    parts = path.with_suffix("").parts if path.suffix == ".py" else path.parent.parts
    return ".".join(parts[:-1] if parts[-1:] == ("__init__",) else parts)


def steps_to(changed: Iterable[str], importers: Mapping[str, Iterable[str]]) -> dict[str, int]:
    """How many imports lie between a module and the nearest changed one, 0 for that itself."""
    steps = dict.fromkeys(changed, 0)
    queue = deque(steps)
    while queue:
        module = queue.popleft()
        for importer in importers.get(module, ()):
            if importer not in steps:
                steps[importer] = steps[module] + 1
                queue.append(importer)
    return steps


def imported_by(path: Path) -> set[str]:
    """Modules that a test file imports, each both as a module and as the name in its parent."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found


def likeness(test: Path, changed: Iterable[Path]) -> int:
    """How many names of a changed file and its rooms are the test's and its folders' too."""
    words = {part.removeprefix("test_") for part in test.with_suffix("").parts[2:]}
    return max((len(words & set(path.with_suffix("").parts[1:])) for path in changed), default=0)


def distance(test: Path, imports: set[str], changed: set[Path], steps: Mapping[str, int]) -> int:
    """0: itself changed; 1: named like a changed file or its room; else by what it imports."""
    if test in changed:
        return 0
    if likeness(test, changed):
        return 1
    return min((1 + steps[module] for module in imports if module in steps), default=sys.maxsize)


def in_browser(test: Path) -> bool:
    return test.parts[1] in IN_BROWSER


def chosen(
    distances: Mapping[Path, int], seconds: Mapping[Path, float], changed: Iterable[Path] = ()
) -> list[Path]:
    """The changed ones, then the nearest that the time has room for, those in a browser at the end.

    Of two that are as near, the one that is named more like what changed, then the quicker one.
    """

    def takes(test: Path) -> float:
        return seconds.get(test, ASSUMED_IN_BROWSER if in_browser(test) else ASSUMED_SECONDS)

    def order(test: Path) -> tuple[int, int, float]:
        return distances[test], -likeness(test, changed), takes(test)

    picked: list[Path] = []
    left = SECONDS_FOR_TESTS
    near = [test for test, steps in distances.items() if steps < sys.maxsize]
    for test in sorted(near, key=order):
        if takes(test) <= left or distances[test] == 0 or not picked:
            picked.append(test)
            left -= takes(test)
    return sorted(picked, key=in_browser)


def timed(junit: Path) -> dict[Path, float]:
    """Seconds of each test file that ran, skipped tests aside; empty where no run reported."""
    seconds: dict[Path, float] = {}
    if junit.exists():
        for case in ElementTree.fromstring(junit.read_text(encoding="utf-8")).iter("testcase"):
            if case.find("skipped") is None:
                path = Path(*case.get("classname", "").split(".")).with_suffix(".py")
                seconds[path] = seconds.get(path, 0.0) + float(case.get("time", 0))
    return seconds


def nearest_tests(changed: list[Path]) -> tuple[list[Path], int]:
    """The test files to run, and how many more that did not change depend on what changed."""
    graph = grimp.build_graph(*ROOTS)
    importers = {
        module: graph.find_modules_that_directly_import(module) for module in graph.modules
    }
    steps = steps_to([module_of(path) for path in changed if path.parts[0] in ROOTS], importers)
    tests = sorted(path for path in Path("tests").rglob("test_*.py") if "faults" not in path.parts)
    distances = {test: distance(test, imported_by(test), set(changed), steps) for test in tests}
    picked = chosen(distances, timed(JUNIT), changed)
    return picked, sum(steps < sys.maxsize for steps in distances.values()) - len(picked)


def run(*words: str) -> bool:
    """Whether a program of the checkout, or one beside this Python, succeeded; named and timed."""
    program = Path(words[0]) if "/" in words[0] else Path(sys.executable).with_name(words[0])
    print(f"== {' '.join(words)}", flush=True)
    started = time.monotonic()
    done = subprocess.run([program, *words[1:]], check=False)
    print(f"   {time.monotonic() - started:.1f} s", flush=True)
    return done.returncode == 0


def failures(*programs: tuple[str, ...]) -> list[str]:
    """Names of the programs that failed, all of them run."""
    return [name_of(program) for program in programs if not run(*program)]


def name_of(program: tuple[str, ...]) -> str:
    """python -m tests.sizes -> tests.sizes; ruff format --check . -> ruff format."""
    if program[:2] == ("python", "-m"):
        return program[2]
    return " ".join([Path(program[0]).name, *program[1:2]])


def tested(changed: list[Path]) -> list[str]:
    """Run the nearest tests; say what was left out."""
    tests, left = nearest_tests(changed)
    print(f"{len(changed)} files changed; {len(tests)} test files are nearest", flush=True)
    failed, ran = [], {}
    if tests:
        with tempfile.TemporaryDirectory() as folder:
            junit = Path(folder, "junit.xml")
            options = ("-q", "-x", f"--junitxml={junit}")
            failed = failures(("python", "-m", "pytest", *options, *map(str, tests)))
            ran = timed(junit)
    own = [path for path in changed if path.parts[0] == "tests" and path.match("test_*.py")]
    if lacking := [str(path) for path in own if path not in ran]:
        print(f"changed, but not run: {', '.join(lacking)}")
    print(f"{left} other test files that depend on what changed were left out")
    return failed


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--base", default="origin/main", help="what changed since then")
    changed = changed_files(parser.parse_args().base)
    failed = failures(*FIRST)
    if failed:
        print("types and tests were not run")
    else:
        failed = failures(("mypy",))
        if any(path.suffix in BROWSER_CODE and path.parts[0] != "precompute" for path in changed):
            failed += failures((".ci/browser_code", "check"), (".ci/browser_code", "test"))
        failed += tested(changed)
    print(f"quick: FAILED at {', '.join(failed)}" if failed else "quick: fine")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
