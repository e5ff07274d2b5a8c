"""Which tests `make quick` picks, by hand."""

import sys
from pathlib import Path

import pytest

from tests import quick
from tests.quick import (
    chosen,
    distance,
    imported_by,
    likeness,
    module_of,
    name_of,
    nearest_tests,
    steps_to,
    timed,
)

CHAIN = {"a.low": ["a.mid"], "a.mid": ["a.top", "a.low"], "a.top": ["b.page"]}


def test_steps_are_counted_along_imports_and_circles_end() -> None:
    assert steps_to(["a.low"], CHAIN) == {"a.low": 0, "a.mid": 1, "a.top": 2, "b.page": 3}
    assert steps_to(["a.top"], CHAIN) == {"a.top": 0, "b.page": 1}


def test_a_data_file_stands_for_its_package() -> None:
    assert module_of(Path("backend/core/hub.py")) == "backend.core.hub"
    assert module_of(Path("backend/core/lm/__init__.py")) == "backend.core.lm"
    assert module_of(Path("backend/core/presets.toml")) == "backend.core"


def test_a_test_is_as_near_as_what_it_imports_or_is_called(tmp_path: Path) -> None:
    test = tmp_path / "test_x.py"
    test.write_text("import os\nfrom a.mid import thing\nfrom a import top\n")
    imports = imported_by(test)
    assert imports == {"os", "a.mid", "a.mid.thing", "a", "a.top"}
    steps = steps_to(["a.low"], CHAIN)
    assert distance(test, imports, set(), steps) == 2
    assert distance(test, imports, {test}, steps) == 0
    drawn = Path("tests/browser/test_graph.py")
    assert distance(drawn, set(), {Path("static/js/graph/layout.js")}, {}) == 1
    assert distance(drawn, set(), {Path("static/js/coverage/view.js")}, {}) == sys.maxsize


def paths(*names: str) -> list[Path]:
    return [Path("tests", name) for name in names]


def test_the_nearest_run_while_there_is_time_and_one_always() -> None:
    near, far, slow, none = paths("near", "far", "slow", "none")
    steps = {far: 3, near: 1, slow: 2, none: sys.maxsize}
    assert chosen(steps, {near: 1.0, far: 2.0, slow: 1000.0}) == [near, far]
    assert chosen(steps, {near: 1.0, far: 2.0, slow: 3.0}) == [near, slow, far]
    assert chosen({slow: 1}, {slow: 1000.0}) == [slow]


def test_every_changed_test_runs_before_others_and_those_in_a_browser_last() -> None:
    page, core, near = paths("browser/test_page.py", "core/test_slow.py", "core/test_near.py")
    steps = {page: 0, core: 0, near: 1}
    assert chosen(steps, {page: 1.0, core: 1000.0, near: 1.0}) == [core, page]
    assert chosen(steps, {page: 1.0, core: 1.0, near: 1.0}) == [core, near, page]


@pytest.mark.parametrize("room", ["browser", "golden_links"])
def test_a_browser_test_that_no_run_has_timed_is_taken_to_be_slow(room: str) -> None:
    page, core = paths(f"{room}/test_page.py", "core/test_page.py")
    steps = {page: 1, core: 2}
    assert chosen({**steps, core: 1}, {}) == [core]
    assert chosen({**steps, core: 1}, {page: 10.0}) == [core, page]


def test_of_two_as_near_the_one_named_more_like_the_change_comes_first() -> None:
    changed = [Path("app/pages/graph/state.py")]
    state, *others = paths("app/pages/test_state.py", *(f"app/pages/test_{n}.py" for n in range(9)))
    assert (likeness(state, changed), likeness(others[0], changed)) == (2, 1)
    assert likeness(state, []) == likeness(Path("tests/core/test_x.py"), changed) == 0
    assert chosen(dict.fromkeys([*others, state], 1), {}, changed)[0] == state


def test_seconds_are_read_from_the_last_run(tmp_path: Path) -> None:
    junit = tmp_path / "junit.xml"
    cases = [f'<testcase classname="tests.core.test_x" name="{n}" time="0.5"/>' for n in "ab"]
    cases.append(
        '<testcase classname="tests.browser.test_y" name="c" time="0.0"><skipped/></testcase>'
    )
    junit.write_text(f"<testsuites><testsuite>{''.join(cases)}</testsuite></testsuites>")
    assert timed(junit) == {Path("tests/core/test_x.py"): 1.0}
    assert timed(tmp_path / "none.xml") == {}


def test_a_program_is_called_by_what_it_does() -> None:
    assert [name_of(program) for program in quick.FIRST] == [
        "ruff format",
        "ruff check",
        "lint-imports",
        "tests.sizes",
    ]
    assert name_of((".ci/browser_code", "check")) == "browser_code check"
    assert name_of(("mypy",)) == "mypy"


CHANGED = [*paths("core/test_x.py", "faults/test_y.py"), Path("backend/core/x.py")]


def said(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *failing: str
) -> tuple[int, list[str], list[str]]:
    """The exit status of a run in which these programs fail, what ran, and the lines it printed."""
    begun: list[str] = []

    def run(*words: str) -> bool:
        begun.append(name_of(words))
        for junit in (word.partition("=")[2] for word in words if word.startswith("--junitxml=")):
            case = '<testcase classname="tests.core.test_x" name="a" time="0.5"/>'
            Path(junit).write_text(f"<testsuite>{case}</testsuite>")
        return begun[-1] not in failing

    monkeypatch.setattr(quick, "run", run)
    monkeypatch.setattr(quick, "changed_files", lambda base: CHANGED)
    monkeypatch.setattr(quick, "nearest_tests", lambda changed: (CHANGED[:1], 7))
    monkeypatch.setattr(sys, "argv", ["quick"])
    status = quick.main()
    return status, begun, capsys.readouterr().out.splitlines()


def test_the_last_line_is_the_verdict_after_what_was_left_out(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    status, begun, lines = said(monkeypatch, capsys)
    assert (status, begun[-2:]) == (0, ["mypy", "pytest"])
    assert lines[-3:] == [
        "changed, but not run: tests/faults/test_y.py",
        "7 other test files that depend on what changed were left out",
        "quick: fine",
    ]
    status, begun, lines = said(monkeypatch, capsys, "mypy", "pytest")
    assert (status, lines[-1]) == (1, "quick: FAILED at mypy, pytest")


def test_types_and_tests_wait_until_format_lint_imports_and_sizes_are_right(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    status, begun, lines = said(monkeypatch, capsys, "ruff format", "tests.sizes")
    assert (status, begun) == (1, ["ruff format", "ruff check", "lint-imports", "tests.sizes"])
    assert lines == ["types and tests were not run", "quick: FAILED at ruff format, tests.sizes"]


def test_the_real_graph_leads_from_the_hub_to_its_test() -> None:
    tests, left_out = nearest_tests([Path("precompute/fetching/fetch.py")])
    assert Path("tests/precompute/fetching/test_fetch.py") in tests
    assert left_out >= 0
