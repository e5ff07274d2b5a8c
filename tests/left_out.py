"""`python -m tests.left_out JUNIT_XML [--strict]`: say loudly which tests did not run, and why.

With `--strict` (the CI) a test that was skipped, or a run without a browser test, is exit status 1.
"""

import argparse
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

BROWSER = "tests.browser"


def count(junit_xml: str) -> tuple[int, int, list[str]]:
    """Tests that ran, browser tests among them, and the names of those skipped, with the reason.

    A whole module that was skipped at collection is one name.
    """
    ran, browser, skipped = 0, 0, []
    for case in ElementTree.fromstring(junit_xml).iter("testcase"):
        name = f"{case.get('classname', '')}.{case.get('name', '')}".lstrip(".")
        reason = case.find("skipped")
        if reason is None:
            ran += 1
            browser += name.startswith(BROWSER)
        else:
            skipped.append(f"{name}: {reason.get('message', 'no reason given')}")
    return ran, browser, skipped


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("junit_xml", type=Path)
    parser.add_argument("--strict", action="store_true", help="fail when a test did not run")
    arguments = parser.parse_args()
    if not arguments.junit_xml.exists():
        print(
            f"{arguments.junit_xml} does not exist: pytest ended before it could report",
            file=sys.stderr,
        )
        return 1
    ran, browser, skipped = count(arguments.junit_xml.read_text(encoding="utf-8"))
    print(f"tests: {ran} ran, {browser} of them in a browser, {len(skipped)} left out")
    if skipped:
        said = [f"{len(skipped)} TESTS DID NOT RUN", *skipped]
        print("\n".join(["!" * 79, *said, "!" * 79]), file=sys.stderr)
    return 1 if arguments.strict and (skipped or not browser) else 0


if __name__ == "__main__":
    sys.exit(main())
