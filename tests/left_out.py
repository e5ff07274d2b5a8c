"""`python -m tests.left_out JUNIT_XML [--strict]`: say loudly which browser tests did not run.

With `--strict` (the CI) a browser test that was skipped, or a run without any, is exit status 1.
"""

import argparse
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

BROWSER = "tests.browser"


def count(junit_xml: str) -> tuple[int, list[str]]:
    """Number of browser tests that ran, and the names of those that were skipped, with the reason.

    A whole module that was skipped at collection is one name.
    """
    ran, skipped = 0, []
    for case in ElementTree.fromstring(junit_xml).iter("testcase"):
        name = f"{case.get('classname', '')}.{case.get('name', '')}".lstrip(".")
        if not name.startswith(BROWSER):
            continue
        reason = case.find("skipped")
        if reason is None:
            ran += 1
        else:
            skipped.append(f"{name}: {reason.get('message', 'no reason given')}")
    return ran, skipped


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("junit_xml", type=Path)
    parser.add_argument(
        "--strict", action="store_true", help="fail when a browser test did not run"
    )
    arguments = parser.parse_args()
    if not arguments.junit_xml.exists():
        print(
            f"{arguments.junit_xml} does not exist: pytest ended before it could report",
            file=sys.stderr,
        )
        return 1
    ran, skipped = count(arguments.junit_xml.read_text(encoding="utf-8"))
    print(f"browser tests: {ran} ran, {len(skipped)} left out")
    if skipped:
        print(
            "\n".join(["!" * 79, f"{len(skipped)} BROWSER TESTS DID NOT RUN", *skipped, "!" * 79]),
            file=sys.stderr,
        )
    return 1 if arguments.strict and (skipped or not ran) else 0


if __name__ == "__main__":
    sys.exit(main())
