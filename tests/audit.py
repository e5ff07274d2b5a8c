"""`python -m tests.audit`: known vulnerabilities of the pinned versions, by pip-audit.

Exit status 1 when there are any. Where no vulnerability service can be reached, a loud line, and
status 0: a laptop without a network must be able to run `make check`.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

PINNED = Path(__file__).resolve().parents[1] / "constraints.txt"
SECONDS = 60
# Advisories that were read and found not to reach us; each with the reason.
ACCEPTED: dict[str, str] = {}


def main() -> int:
    with tempfile.NamedTemporaryFile("w+", suffix=".json") as out:
        command = [
            sys.executable,
            "-m",
            "pip_audit",
            "--requirement",
            str(PINNED),
            "--no-deps",
            "--disable-pip",
        ]
        command += [
            "--format",
            "json",
            "--output",
            out.name,
            "--progress-spinner",
            "off",
            "--timeout",
            "10",
        ]
        command += [part for name in ACCEPTED for part in ("--ignore-vuln", name)]
        try:
            done = subprocess.run(
                command, capture_output=True, text=True, timeout=SECONDS, check=False
            )
            report = json.loads(Path(out.name).read_text() or "null")
            said = done.stderr.strip()
        except subprocess.TimeoutExpired:
            report, said = None, f"no answer within {SECONDS} s"
    skipped = [
        one["name"] for one in (report or {}).get("dependencies", ()) if "skip_reason" in one
    ]
    if report is None or len(skipped) == len(report["dependencies"]):
        reason = (
            f"{len(skipped)} packages were not found there"
            if report
            else (said.splitlines() or ["no report"])[-1]
        )
        print(
            "\n".join(
                [
                    "!" * 79,
                    "VULNERABILITIES WERE NOT LOOKED UP: the service cannot be reached here",
                    reason,
                    "!" * 79,
                ]
            )
        )
        return 0
    found = [
        (one["name"], one["version"], v)
        for one in report["dependencies"]
        for v in one.get("vulns", ())
    ]
    for name, version, one in found:
        print(
            f"{name} {version}: {one['id']}, mended in "
            f"{', '.join(one['fix_versions']) or 'no version yet'}"
        )
    print(
        f"{len(report['dependencies'])} packages, {len(skipped)} not looked up, {len(found)} "
        "known vulnerabilities"
    )
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
