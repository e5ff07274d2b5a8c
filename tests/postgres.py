"""A PostgreSQL of the tests' own: started in a temporary folder, ended and removed with them."""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

WHERE_DEBIAN_HAS_IT = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
UNPRIVILEGED = ("postgres", "nobody")  # PostgreSQL refuses to run as root
START_SECONDS = "60"


def programs() -> Path | None:
    """The folder of initdb and pg_ctl; None where PostgreSQL is not installed."""
    found = shutil.which("initdb")
    folders = [*([Path(found).parent] if found else []), *WHERE_DEBIAN_HAS_IT]
    return next((folder for folder in folders if (folder / "pg_ctl").exists()), None)


@contextmanager
def running(folder: Path) -> Iterator[str]:
    """Its URL for SQLAlchemy. It listens on a socket in its own folder alone, so no port is taken.

    folder: that of the programs.
    """
    data = Path(tempfile.mkdtemp(prefix="postgres-"))
    user = _user()
    if user is not None:
        os.chown(data, user, -1)
    try:
        _run(user, folder / "initdb", "-D", data / "db", "-U", "tests", "--auth=trust", "--no-sync")
        options = f"-F -k {data} -c listen_addresses="
        control = (folder / "pg_ctl", "-D", data / "db", "-s", "-w", "-t", START_SECONDS)
        _run(user, *control, "-l", data / "log", "-o", options, "start")
        try:
            yield f"postgresql+psycopg://tests@/postgres?host={data}"
        finally:
            _run(user, *control, "-m", "immediate", "stop")
    finally:
        shutil.rmtree(data)


def _user() -> int | None:
    """Who runs it: None for whoever runs the tests, unless that is root."""
    if os.getuid() != 0:
        return None
    known = {one.pw_name: one.pw_uid for one in pwd.getpwall()}
    return next(known[name] for name in UNPRIVILEGED if name in known)


def _run(user: int | None, *command: object) -> None:
    words = [str(word) for word in command]
    done = subprocess.run(
        words, user=user, cwd="/", stdin=subprocess.DEVNULL, capture_output=True, check=False
    )
    assert done.returncode == 0, (words, done.stderr.decode())
