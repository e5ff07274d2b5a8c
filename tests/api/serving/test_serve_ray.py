"""`--engine ray` of `serve` and `api`: what cannot be.

How it serves is in tests/faults: it takes a minute to start.
"""

import socket
import sys

import pytest

from backend.cli import main


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["--replicas", "2"], "--replicas is for --engine ray."),
        (["--ray-address", "auto"], "--ray-address is for --engine ray."),
        (["--engine", "ray", "--replicas", "0"], "--replicas is 0; it must be 1 or more."),
        (
            ["--engine", "ray", "--replicas", "2"],
            "2 replicas must share their recorded runs: set FUNCTIONSCOPE_RUNS_URL.",
        ),
        (["--engine", "ray", "--preset", "none"], "There is no preset 'none'"),
    ],
)
def test_what_cannot_be_is_one_sentence(
    given: list[str], said: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FUNCTIONSCOPE_RUNS_URL", raising=False)
    assert main(["serve", *given]) == 2
    assert said in capsys.readouterr().err


def test_without_ray_it_says_how_to_get_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    assert main(["api", "--engine", "ray", "--port", str(free_port())]) == 2
    assert "--engine ray needs Ray: pip install 'functionscope[ray]'." in capsys.readouterr().err
