"""Which tests `make quick` picks, by hand."""

import sys
from pathlib import Path

from tests.quick import chosen, distance, imported_by, module_of, nearest_tests, steps_to, timed

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


def test_the_nearest_run_while_there_is_time_and_one_always() -> None:
    near, far, slow, none = (Path(name) for name in ("near", "far", "slow", "none"))
    steps = {far: 3, near: 1, slow: 2, none: sys.maxsize}
    assert chosen(steps, {near: 1.0, far: 2.0, slow: 1000.0}) == [near]
    assert chosen(steps, {near: 1.0, far: 2.0, slow: 3.0}) == [near, slow, far]
    assert chosen({slow: 1}, {slow: 1000.0}) == [slow]


def test_seconds_are_read_from_the_last_run(tmp_path: Path) -> None:
    junit = tmp_path / "junit.xml"
    cases = [f'<testcase classname="tests.core.test_x" name="{n}" time="0.5"/>' for n in "ab"]
    junit.write_text(f"<testsuites><testsuite>{''.join(cases)}</testsuite></testsuites>")
    assert timed(junit) == {Path("tests/core/test_x.py"): 1.0}
    assert timed(tmp_path / "none.xml") == {}


def test_the_real_graph_leads_from_the_hub_to_its_test() -> None:
    tests, left_out = nearest_tests([Path("precompute/fetching/fetch.py")])
    assert Path("tests/precompute/fetching/test_fetch.py") in tests
    assert left_out >= 0
