"""The server's settings: read once, from FUNCTIONSCOPE_* variables and the command line."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from backend.core.presets import DEFAULT_PRESET

ENV_PREFIX = "FUNCTIONSCOPE_"


def default_runs() -> Path:
    """Where recorded runs are kept: the XDG data folder of the user."""
    data = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(data) / "functionscope" / "runs.sqlite"


def usable_cores() -> int:
    """Cores that this process may run on;
    more threads than those slow torch down many times over.
    """
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Settings(BaseSettings):
    """Everything that a person may set, with its default, its bounds and the help of `--help`."""

    model_config = SettingsConfigDict(
        env_prefix=ENV_PREFIX,
        frozen=True,
        extra="forbid",
        allow_inf_nan=False,
        env_ignore_empty=True,
    )

    preset: str = Field(
        default=DEFAULT_PRESET,
        description="model, SAEs and build by name; `functionscope presets` lists them",
    )
    presets: Path | None = Field(
        default=None,
        description="presets of your own (TOML), beside those in your folder of settings",
    )
    model: str | None = Field(
        default=None,
        min_length=1,
        description="instead of a preset: hub id, folder of save_pretrained, .gguf, or the name of "
        "a preset, for its model with SAEs of your own",
    )
    revision: str | None = Field(default=None, description="hub revision of that model")
    sae: Annotated[tuple[str, ...], NoDecode] = Field(
        default=(),
        description="an SAE that reads that model: its folder, or RELEASE:ID of sae-lens; once "
        "for each (commas between them in the variable)",
    )
    build: Path | None = Field(
        default=None, description="DuckDB build to serve instead of the preset's"
    )
    runs: Path = Field(default_factory=default_runs, description="SQLite file of recorded runs")
    runs_url: SecretStr | None = Field(
        default=None,
        description="SQLAlchemy URL of the store of runs instead of that file, for several "
        "replicas",
    )
    token: SecretStr | None = Field(
        default=None,
        min_length=16,
        max_length=512,
        description="bearer token for live work and for writing",
    )
    live: bool = Field(
        default=True, description="load the model; without it only the build is served"
    )
    check_saes: bool = Field(
        default=True,
        description="try each SAE on a short text once the model is ready, and say what does not "
        "fit",
    )
    device: str = Field(
        default="cpu", pattern=r"^(cpu|cuda(:\d+)?)$", description="cpu, cuda or cuda:N"
    )
    dtype: Literal["float32", "bfloat16"] | None = Field(
        default=None, description="dtype of the forward pass instead of the preset's"
    )
    threads: int = Field(
        default_factory=usable_cores,
        ge=1,
        le=256,
        description="torch threads on a CPU; default: usable cores",
    )
    host: str = Field(default="127.0.0.1", min_length=1, description="address to listen on")
    port: int = Field(default=8050, ge=1, le=65535, description="port to listen on")
    api_url: str = Field(
        default="http://127.0.0.1:8050",
        pattern=r"^https?://",
        description="API that a separate dashboard speaks to",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="least level logged"
    )

    live_bytes: int | None = Field(
        default=None,
        ge=1,
        description="bytes that one live request may take beside the weights; default: what is "
        "free",
    )
    sae_budget: int | None = Field(
        default=None,
        ge=1,
        description="bytes of the device for SAEs: what does not fit is moved in as it is used; "
        "default: what is free, or four fifths of it where they do not all fit",
    )
    memory: int | None = Field(
        default=None,
        ge=1,
        description="bytes that the models in memory may take with their SAEs, those of "
        "all presets together; default: a further one is loaded while it takes at most half of "
        "what is free",
    )
    max_prompt_tokens: int = Field(
        default=256, ge=2, le=8192, description="positions of a prompt, BOS included"
    )
    max_prefix_tokens: int = Field(
        default=2048,
        ge=0,
        le=65_536,
        description="positions of the prefix before a prompt, BOS included",
    )
    prefix_bytes: int = Field(
        default=268_435_456, ge=0, description="bytes of prefixes that were run, kept to go on from"
    )
    max_prompt_chars: int = Field(
        default=20_000,
        ge=16,
        le=1_000_000,
        description="characters of a prompt, and of its prefix, checked before tokenising",
    )
    max_interventions: int = Field(
        default=16, ge=1, le=256, description="interventions of one steer request"
    )
    max_samples: int = Field(default=8, ge=1, le=64, description="sampled texts per arm")
    max_sweep_cells: int = Field(default=2048, ge=1, le=100_000, description="cells of one sweep")
    max_patch_cells: int = Field(
        default=4096, ge=1, le=100_000, description="cells of one patch map: layers times positions"
    )
    max_lens_rows: int = Field(
        default=512,
        ge=1,
        le=100_000,
        description="rows of one reading in words: layers times positions",
    )
    max_trait_prompts: int = Field(
        default=200, ge=2, le=10_000, description="prompts of one trait search"
    )
    max_new_tokens: int = Field(default=128, ge=1, le=4096, description="generated tokens per text")
    max_next_tokens: int = Field(
        default=50, ge=1, le=1000, description="next tokens listed per position"
    )
    max_set_prompts: int = Field(
        default=400, ge=1, le=10_000, description="prompts of one set, reactivation or steering"
    )
    max_temperature: float = Field(
        default=5.0, gt=0, le=100, description="largest sampling temperature"
    )
    max_value: float = Field(
        default=1e6, gt=0, le=1e9, description="largest absolute intervention value"
    )
    max_body_bytes: int = Field(
        default=262_144, ge=1024, le=16_777_216, description="bytes of a request body"
    )
    max_upload_bytes: int = Field(
        default=4_194_304,
        ge=1024,
        le=67_108_864,
        description="bytes of a body that brings a file of prompts, which base64 makes a third "
        "larger",
    )
    max_page: int = Field(default=500, ge=1, le=10_000, description="rows of one page of a list")
    max_coverage_rows: int = Field(
        default=20_000, ge=1, le=1_000_000, description="ranks of one coverage answer"
    )
    max_export_rows: int = Field(default=10_000_000, ge=1, description="rows of one exported table")
    queue: int = Field(
        default=8, ge=1, le=1000, description="live requests that may wait while one runs"
    )
    requests_per_minute: int = Field(
        default=1200, ge=1, description="reading requests of one client; not on loopback"
    )
    live_per_minute: int = Field(
        default=120, ge=1, description="live requests of one client; not on loopback"
    )
    live_seconds: float = Field(
        default=120,
        gt=0,
        le=86_400,
        description="seconds that one live request, or one step of a stream in turns, may run",
    )
    stream_seconds: float = Field(
        default=3600,
        gt=0,
        le=86_400,
        description="seconds of the model for one sweep, trait search or streamed set, in turns "
        "with others",
    )
    body_seconds: float = Field(
        default=30, gt=0, le=3600, description="seconds in which a body must arrive"
    )
    drain_seconds: int = Field(
        default=10, ge=0, le=3600, description="seconds that open requests have after SIGTERM"
    )

    @field_validator("sae", mode="before")
    @classmethod
    def _split(cls, given: object) -> object:
        """A variable holds several with commas between them."""
        return tuple(filter(None, given.split(","))) if isinstance(given, str) else given


def variable_of(name: str) -> str:
    """The environment variable of a setting."""
    return ENV_PREFIX + name.upper()


def is_secret(name: str) -> bool:
    """Whether its value must never be shown."""
    return "SecretStr" in str(Settings.model_fields[name].annotation)


def wrong_setting(error: ValidationError, options: Collection[str]) -> str:
    """What is wrong first, in a sentence that names the option (of `options`) or the
    variable it came from.
    """
    first = error.errors(include_url=False)[0]
    name = str(first["loc"][0])
    if is_secret(name):
        message, n = (
            str(first["msg"]).replace(" items after validation", " characters"),
            len(str(first["input"])),
        )
        return f"{variable_of(name)} has {n} characters (not shown, it is a secret): {message}."
    source = "--" + name.replace("_", "-") if name in options else variable_of(name)
    return f"{source} is {first['input']!r}: {first['msg']}."


def settings_of(options: Mapping[str, object]) -> Settings:
    """`options` that are settings and not None, over variables, over defaults.

    ValueError names what is wrong.
    """
    given = {
        name: value
        for name, value in options.items()
        if name in Settings.model_fields and value is not None
    }
    try:
        return Settings(**given)  # type: ignore[arg-type]
    except ValidationError as error:
        raise ValueError(wrong_setting(error, given)) from error


def add_options(parser: argparse.ArgumentParser, wanted: Callable[[str], bool]) -> None:
    """One option per setting, with its help, its default and its environment variable.

    Secrets have no option, since every user of a machine can read its command lines: only the
    variable.
    """
    for name, field in Settings.model_fields.items():
        if not wanted(name):
            continue
        if is_secret(name):
            told = f"{variable_of(name)}: {field.description} (environment only)"
            parser.epilog = "; ".join(filter(None, [parser.epilog, told]))
            continue
        option, variable = "--" + name.replace("_", "-"), variable_of(name)
        default = field.get_default(call_default_factory=True)
        shown = default if default != () else "none"
        text = f"{field.description} (default {shown}; {variable})".replace("%", "%%")
        if field.annotation is bool:
            switch = argparse.BooleanOptionalAction
            parser.add_argument(option, dest=name, action=switch, default=None, help=text)
        elif default == ():
            parser.add_argument(option, dest=name, action="append", metavar="VALUE", help=text)
        else:
            parser.add_argument(option, dest=name, metavar="VALUE", help=text)
