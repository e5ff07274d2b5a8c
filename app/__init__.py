"""The dashboard: Dash pages over the HTTP API. Never imports torch, DuckDB or the core."""
