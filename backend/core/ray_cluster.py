"""Joining a Ray cluster, or starting one on this machine; what is wrong is one sentence."""

from __future__ import annotations

import os
import re
import socket
import sys
from typing import Any

SECONDS = 5.0
ADDRESS = re.compile(r"(ray://)?(?P<host>[A-Za-z0-9._-]+|\[[0-9a-fA-F:]+\]):(?P<port>\d{1,5})")


class NoCluster(RuntimeError):
    """There is no cluster to work on; the message says what to do."""


def join_cluster(address: str | None) -> Any:
    """The module `ray`, connected to `address`
    (HOST:PORT of its head, or "auto": the one on this machine).

    Without an address a cluster is started here, and ends with this process. NoCluster when Ray is
    not installed, or there is no cluster at the address.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    if address is None:
        # only this process knows of that cluster
        os.environ.setdefault("RAY_AUTH_MODE", "disabled")
    elif address != "auto":
        _check_address(address)
    try:
        import ray
    except ImportError as error:
        raise NoCluster("--engine ray needs Ray: pip install 'functionscope[ray]'.") from error
    try:
        if address is None:
            # workers import what this process imports, from a checkout too
            paths = {"PYTHONPATH": os.pathsep.join(path or os.getcwd() for path in sys.path)}
            ray.init(
                "local",
                include_dashboard=False,
                log_to_driver=False,
                logging_level="ERROR",
                runtime_env={"env_vars": paths},
            )
        else:
            ray.init(address, log_to_driver=False, logging_level="ERROR")
    except (ConnectionError, RuntimeError, ValueError, ImportError, SystemExit) as error:
        where = (
            f"no Ray cluster answers at --ray-address {address}"
            if address
            else "Ray could not be started here"
        )
        raise NoCluster(
            f"{where} ({(str(error).splitlines() or ['no reason given'])[0]})."
        ) from error
    return ray


def _check_address(address: str) -> None:
    """Ray itself would knock for five minutes, and then end the process."""
    found = ADDRESS.fullmatch(address)
    if not found:
        raise NoCluster(
            f"--ray-address is {address!r}; allowed: HOST:PORT of the cluster's head, or auto."
        )
    try:
        socket.create_connection(
            (found["host"].strip("[]"), int(found["port"])), timeout=SECONDS
        ).close()
    except (OSError, OverflowError) as error:
        raise NoCluster(f"no Ray cluster answers at --ray-address {address} ({error}).") from error
