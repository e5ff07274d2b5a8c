"""`functionscope export`: one table of a build as a file."""

import argparse
from pathlib import Path

from backend.core.own import find_preset
from backend.core.store import Store, StoreError
from backend.core.store.export import write_file


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the command."""
    parser.add_argument("table", help="tokens, coverage, features or edges")
    parser.add_argument("out", type=Path, help="file to write: .csv or .parquet")
    parser.add_argument("--preset", help="whose build (default: what is served by default)")
    parser.add_argument("--build", type=Path, help="DuckDB build instead of the preset's")
    parser.add_argument("--sae-id", help="which SAE; needed for all tables but tokens")


def export(parsed: argparse.Namespace) -> str:
    """Writes it; what was written. ValueError or OSError says why not."""
    try:
        store = Store.open(parsed.build or find_preset(parsed.preset).build)
        n_rows = write_file(store, parsed.table, parsed.sae_id, parsed.out)
    except StoreError as error:
        raise ValueError(str(error)) from error
    return f"{n_rows} rows in {parsed.out}"
