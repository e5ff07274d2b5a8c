"""What a run left out is counted, whatever kind of test it was."""

from tests.left_out import count

RUN = """<testsuites><testsuite>
<testcase classname="tests.browser.test_graph" name="a"/>
<testcase classname="tests.core.test_hub" name="b"><failure/></testcase>
<testcase classname="tests.api.runs.test_postgres" name="c"><skipped message="not here"/></testcase>
<testcase classname="" name="tests.browser.test_run"><skipped message="no browser"/></testcase>
</testsuite></testsuites>"""


def test_every_skipped_test_is_named_with_its_reason() -> None:
    skipped = ["tests.api.runs.test_postgres.c: not here", "tests.browser.test_run: no browser"]
    assert count(RUN) == (2, 1, skipped)
