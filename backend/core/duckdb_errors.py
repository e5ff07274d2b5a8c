"""What DuckDB says of a file that is cut short or damaged behind its header."""

import duckdb

DAMAGED = (
    duckdb.IOException,
    duckdb.InternalException,
    duckdb.FatalException,
    duckdb.SerializationException,
)
