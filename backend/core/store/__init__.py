"""A build: one DuckDB file with tokens, features, edges, coverage and graph,
written whole and read by name.
"""

from backend.core.store.store import (
    DENOMINATORS,
    EXAMPLE_SOURCE,
    MIN_COUNTS,
    ORDERS,
    Store,
    StoreError,
    StoreHeld,
    StoreInvalid,
    StoreMissing,
    unreadable,
)

__all__ = [
    "DENOMINATORS",
    "EXAMPLE_SOURCE",
    "MIN_COUNTS",
    "ORDERS",
    "Store",
    "StoreError",
    "StoreHeld",
    "StoreInvalid",
    "StoreMissing",
    "unreadable",
]
