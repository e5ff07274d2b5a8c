"""What every test process needs and one of them makes: the others wait for it and read it."""

import fcntl
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest


def made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """The folder that `make` filled, in whichever process came first; nobody writes to it then.

    A maker that fails leaves nothing that another process would take for whole.
    """
    base = factory.getbasetemp()
    base = (
        base.parent if "PYTEST_XDIST_WORKER" in os.environ else base
    )  # of this run, above the processes' own
    folder, whole = base / f"once-{name}", base / f"once-{name}.whole"
    with (base / f"once-{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not whole.exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            make(folder)
            whole.touch()
    return folder
