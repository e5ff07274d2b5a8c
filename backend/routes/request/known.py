"""What every live request asks of the build:
classes of tokens and a few words on features, kept in memory.

A query costs about as much as the forward pass of a small model. Small tables are read whole at the
first question, large ones row by row as they are asked for; all is forgotten when the build's file
is replaced.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from backend.core.store import Store
from backend.core.store.features import FeatureRow
from backend.core.store.tokens import TokenRow
from backend.schemas import FeatureInfo
from backend.serving.metrics import Metrics

WHOLE_TABLE = 20_000  # rows up to which a table is read whole
KEPT = 200_000  # rows kept of a larger one
TOKENS_LISTED = 5
UNKNOWN_JSON = (
    FeatureInfo(density=None, top_tokens=[], promoted_tokens=[], act_q999=None)
    .model_dump_json()
    .encode()
)


class Known:
    """Answers from memory. Threads may share it: at worst one row is read twice."""

    def __init__(self, metrics: Metrics | None = None) -> None:
        self.metrics = metrics or Metrics()
        self._provenance: dict[str, Any] = {}
        self._tokens: dict[int, TokenRow] = {}
        self._features: dict[str, dict[int, FeatureInfo]] = {}
        self._feature_json: dict[str, dict[int, bytes]] = {}
        self._coverage_10: dict[str, float | None] = {}
        self.builds: set[str] = set()  # identities that are already remembered beside the runs

    def tokens(self, store: Store, token_ids: Sequence[int]) -> dict[int, TokenRow]:
        """Rows of these tokens, and maybe of others; ids that the build lacks are left out."""
        self._follow(store)
        known = self._tokens
        # not `- known.keys()`: that walks all that is known
        missing = {i for i in token_ids if i not in known}
        self.metrics.looked_up("tokens", len(token_ids) - len(missing), len(missing))
        if missing:
            if not known:
                rows, total = store.tokens(limit=WHOLE_TABLE)
                if total <= WHOLE_TABLE:
                    known.update({row.token_id: row for row in rows})
            known.update(store.token_rows(sorted(missing - known.keys())))
        return _bounded(known, {i: known[i] for i in token_ids if i in known})

    def features(self, store: Store, sae_id: str, indices: Sequence[int]) -> dict[int, FeatureInfo]:
        """Notes on these features; empty where the build lacks the SAE."""
        self._follow(store)
        sae = next((row for row in store.saes() if row.sae_id == sae_id), None)
        if sae is None:
            return {}
        known = self._features.setdefault(sae_id, {})
        missing = sorted({i for i in indices if i not in known})
        if missing:
            rows = store.features(sae_id, range(sae.d_sae) if sae.d_sae <= WHOLE_TABLE else missing)
            known.update(self._notes(store, rows))
        return _bounded(known, {i: known[i] for i in indices if i in known})

    def feature_json(self, store: Store | None, sae_id: str, indices: Sequence[int]) -> bytes:
        """{"feature_index": FeatureInfo, …} as JSON; nulls where the build lacks the SAE.

        A prompt fires a thousand features, mostly those of the prompt before: each is written once.
        """
        if store is None:
            return b"{" + b",".join(b'"%d":%b' % (i, UNKNOWN_JSON) for i in indices) + b"}"
        self._follow(store)
        known = self._feature_json.setdefault(sae_id, {})
        missing = set(indices).difference(known)
        self.metrics.looked_up("features", len(indices) - len(missing), len(missing))
        if missing:
            notes = self.features(store, sae_id, sorted(missing))
            for i in missing:
                known[i] = b'"%d":%b' % (
                    i,
                    notes[i].model_dump_json().encode() if i in notes else UNKNOWN_JSON,
                )
        answer = b"{%b}" % b",".join([known[i] for i in indices])
        if len(known) > KEPT:
            known.clear()
        return answer

    def coverage_10(self, store: Store, sae_id: str) -> float | None:
        """Coverage of the ten most frequent tokens; None where the build has fewer."""
        self._follow(store)
        known = self._coverage_10
        if sae_id not in known:
            rows = store.coverage(sae_id, max_rank=10).rows
            known[sae_id] = rows[-1].coverage if len(rows) == 10 else None
        return known[sae_id]

    def _follow(self, store: Store) -> None:
        """Forget everything when the store has moved on to another file."""
        provenance = store.provenance()
        if provenance is not self._provenance:
            self._provenance, self._tokens, self._features, self._feature_json = (
                provenance,
                {},
                {},
                {},
            )
            self._coverage_10 = {}

    def _notes(self, store: Store, rows: Sequence[FeatureRow]) -> dict[int, FeatureInfo]:
        ids = {
            i
            for row in rows
            for listed in (row.top_token_ids, row.name_token_ids, row.promoted_token_ids)
            for i in listed[:TOKENS_LISTED]
        }
        tokens = self.tokens(store, sorted(ids))

        def texts(token_ids: Sequence[int]) -> list[str]:
            return [tokens[i].text for i in token_ids[:TOKENS_LISTED] if i in tokens]

        return {
            row.feature_index: FeatureInfo(
                density=row.density,
                top_tokens=texts(row.top_token_ids),
                name_tokens=texts(row.name_token_ids),
                promoted_tokens=texts(row.promoted_token_ids),
                act_q999=row.act_q999,
            )
            for row in rows
        }


def _bounded(known: dict[int, Any], answer: dict[int, Any]) -> dict[int, Any]:
    """`answer`, after emptying `known` where it has grown too large."""
    if len(known) > KEPT:
        known.clear()
    return answer
