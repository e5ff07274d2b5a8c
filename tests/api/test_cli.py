"""The command line: help, exit codes, and one sentence when something is wrong."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from backend.cli import COMMANDS, main
from backend.serving.listening import bind
from backend.settings import Settings


@pytest.fixture
def taken() -> Iterator[int]:
    """A port on which something listens."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield int(listener.getsockname()[1])


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """What the command said on stderr when it exited with 2: one sentence."""
    assert main(arguments) == 2
    said = capsys.readouterr().err.strip()
    assert said.startswith(f"functionscope {arguments[0]}: ")
    assert "\n" not in said
    return said


def test_a_taken_port_is_one_sentence(capsys: pytest.CaptureFixture[str], taken: int) -> None:
    said = refused(capsys, "serve", "--port", str(taken))
    assert str(taken) in said
    assert "--port" in said


def test_an_answer_does_not_wait_for_the_client_to_acknowledge_its_headers() -> None:
    """With Nagle's algorithm a connection that is kept answers 40 ms late, each time."""

    async def without_delay() -> int:
        found: asyncio.Future[int] = asyncio.get_running_loop().create_future()

        async def answer(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            accepted = writer.get_extra_info("socket")
            found.set_result(accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
            writer.close()

        listener = bind("127.0.0.1", 0)
        async with await asyncio.start_server(answer, sock=listener):
            _, writer = await asyncio.open_connection(*listener.getsockname())
            writer.close()
            return await asyncio.wait_for(found, 10)

    assert asyncio.run(without_delay()) != 0


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("port", "0"),
        ("port", "99999"),
        ("queue", "x"),
        ("device", "tpu"),
        ("dtype", "int4"),
        ("max-value", "nan"),
    ],
)
def test_bad_settings_name_the_option_and_the_value(
    capsys: pytest.CaptureFixture[str], option: str, value: str
) -> None:
    said = refused(capsys, "api", f"--{option}", value)
    assert f"--{option}" in said
    assert value in said


def test_a_wrong_setting_of_the_environment_names_its_variable(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FUNCTIONSCOPE_PORT", "http")
    assert "FUNCTIONSCOPE_PORT is 'http'" in refused(capsys, "serve")


@pytest.mark.parametrize("command", ["serve", "api"])
@pytest.mark.parametrize("token", ["mysecret123", "mysecret123" * 60])
def test_a_token_that_is_refused_is_not_shown(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, command: str, token: str
) -> None:
    monkeypatch.setenv("FUNCTIONSCOPE_TOKEN", token)
    said = refused(capsys, command)
    assert f"FUNCTIONSCOPE_TOKEN has {len(token)} characters" in said
    assert ("16" if len(token) < 16 else "512") in said
    assert "mysecret" not in said
    assert "--token" not in said


@pytest.mark.parametrize("command", ["serve", "api"])
@pytest.mark.parametrize(
    "url", ["s3cretpw", "nosuch://me:s3cretpw@host/runs", "postgresql://me:s3cretpw@host:x/runs"]
)
def test_a_url_of_runs_that_is_none_is_one_sentence_without_its_password(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, command: str, url: str
) -> None:
    monkeypatch.setenv("FUNCTIONSCOPE_RUNS_URL", url)
    said = refused(capsys, command)
    assert "FUNCTIONSCOPE_RUNS_URL" in said
    assert "postgresql+psycopg://" in said
    assert "s3cretpw" not in said


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["--model", "a/b"], "--model needs --sae: a folder, or RELEASE:ID"),
        (["--sae", "x"], "--sae and --revision belong to --model"),
        (["--sae", "x", "--preset", "lab"], "(--model lab is that preset's model)"),
        (["--model", "a/b", "--sae", "x", "--preset", "lab"], "--preset is 'lab' and --model is"),
        (["--model", "./gone", "--sae", "x"], "there is no model at './gone'; allowed: a folder"),
        (["--model", "a/b", "--sae", "./gone"], "there is no SAE at './gone'; allowed: a folder"),
        (["--presets", "gone.toml"], "there is no presets file at gone.toml"),
    ],
)
@pytest.mark.parametrize("engine", [[], ["--engine", "ray"]])
def test_an_own_model_that_cannot_be_is_one_sentence(
    capsys: pytest.CaptureFixture[str], given: list[str], said: str, engine: list[str]
) -> None:
    assert said in refused(capsys, "serve", *engine, "--port", "1024", *given)


def test_an_unknown_release_is_said_after_what_was_tried(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["serve", "--port", "1024", "--model", "a/b", "--sae", "no-release:x"]) == 2
    tried, said = capsys.readouterr().err.strip().splitlines()
    assert tried.startswith("SAE 1 of 1, x: no-release x -> ")
    assert "knows no SAE no-release / x: no such release" in said


def test_an_unknown_preset_lists_the_known_ones(capsys: pytest.CaptureFixture[str]) -> None:
    assert "gemma-2-9b" in refused(capsys, "api", "--preset", "gemma-3", "--port", "1024")


def test_presets_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["presets"]) == 0
    rows = {line.split()[0]: line for line in capsys.readouterr().out.splitlines()}
    assert {"lab", "gemma-2-9b"} <= set(rows)
    assert "model yes, SAEs 4/4, build yes" in rows["lab"]
    assert "18.5 GB" in rows["gemma-2-9b"]


def test_one_preset_is_shown_in_full(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["presets", "gemma-2-9b-it"]) == 0
    said = capsys.readouterr().out
    for fact in (
        "prompt format  chat",
        "SlimPajama",
        "layer_26/width_16k/average_l0_116",
        "L0 116 as published",
    ):
        assert fact in said
    assert "gemma-2-9b-it" in refused(capsys, "presets", "gemma-3")


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(capsys: pytest.CaptureFixture[str], command: str) -> None:
    with pytest.raises(SystemExit, match="0"):
        main([command, "--help"])
    assert "usage: functionscope" in capsys.readouterr().out


def test_help_of_serve_tells_every_setting(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["serve", "--help"])
    text = "".join(capsys.readouterr().out.split())
    for name in set(Settings.model_fields) - {"api_url"}:
        assert f"FUNCTIONSCOPE_{name.upper()}" in text


def test_export_writes_a_table(
    build_path: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "edges.parquet"
    assert (
        main(["export", "edges", str(out), "--build", str(build_path), "--sae-id", "layer_0"]) == 0
    )
    assert out.stat().st_size > 0
    assert "rows" in capsys.readouterr().out
    assert "allowed" in refused(capsys, "export", "nothing", str(out), "--build", str(build_path))
    assert "no build" in refused(
        capsys, "export", "tokens", str(out), "--build", str(tmp_path / "none.duckdb")
    )


def test_the_environment_sets_what_options_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FUNCTIONSCOPE_QUEUE", "3")
    assert Settings().queue == 3
    assert Settings(queue=4).queue == 4


def test_the_api_serves_a_build_and_ends_on_interrupt(build_path: Path, tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [
        sys.executable,
        "-m",
        "backend.cli",
        "api",
        "--no-live",
        "--port",
        str(port),
        "--build",
        str(build_path),
    ]
    environment = os.environ | {"FUNCTIONSCOPE_RUNS": str(tmp_path / "runs.sqlite")}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as running:
        try:
            assert running.stdout is not None
            assert f":{port}" in running.stdout.readline()
            assert httpx.get(f"http://127.0.0.1:{port}/api/tokens?limit=1").status_code == 200
        finally:
            running.send_signal(signal.SIGINT)
            _, logged = running.communicate(timeout=30)
    assert running.returncode in (0, 130)
    assert "request_id=" in logged
