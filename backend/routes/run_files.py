"""A recorded run as a file: JSON, Parquet,
or a notebook that makes the number again with the public API.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from typing import Any

FORMATS = {
    "json": ("json", "application/json"),
    "parquet": ("parquet", "application/vnd.apache.parquet"),
    "notebook": ("ipynb", "application/x-ipynb+json"),
}

AGREEMENT = """\
same_tokens = [t["token_id"] for t in again["tokens"]] == \
[t["token_id"] for t in kept["tokens"]]
print("tokens agree:", same_tokens)
"""
INSPECT_NUMBER = """def places(firings):
    return {(sae, p, f): a for sae, c in firings.items()
            for p, f, a in zip(c["position"], c["feature_index"], c["activation"])}

before, now = places(kept["firings"]), places(again["firings"])
differ = len(before.keys() ^ now.keys())
largest = max([abs(before[k] - now[k]) / abs(before[k]) \
for k in before.keys() & now.keys()], default=0.0)
print(f"firings: recorded {len(before)}, now {len(now)}, {differ} in one of them only")
print(f"largest relative difference of an activation: {largest:.3g}")
"""
STEER_NUMBER = """\
print(f"KL(steered || baseline), nats: recorded {kept['kl']:.6g}, now {again['kl']:.6g}")
for name in ("baseline", "steered"):
    print(name, "texts agree:", kept[name]["texts"] == again[name]["texts"])
"""
STEER_SET_NUMBER = """\
for before, now in zip(kept["arms"], again["arms"]):
    print(before["name"], "rates agree:",
          (before["success"], before["changed"]) == (now["success"], now["changed"]))
print("answers agree:", kept["rows"] == again["rows"])
"""
REACTIVATION_SET_NUMBER = """\
for before, now in zip(kept["index"]["classes"], again["index"]["classes"]):
    print(before["token_class"], "index: recorded", before["index"], "now", now["index"])
"""
NUMBERS = {
    "inspect": AGREEMENT + INSPECT_NUMBER,
    "steer": AGREEMENT + STEER_NUMBER,
    "steer_set": STEER_SET_NUMBER,
    "reactivation_set": REACTIVATION_SET_NUMBER,
}
ENDPOINTS = {
    "inspect": "inspect",
    "steer": "steer",
    "steer_set": "steer/set",
    "reactivation_set": "reactivation/set",
}


def as_json(run: dict[str, Any]) -> bytes:
    """Exactly what GET /api/runs/{run_id} answers."""
    return json.dumps(run, ensure_ascii=False, indent=1).encode("utf-8")


def as_parquet(run: dict[str, Any]) -> bytes:
    """One row a firing (inspect), a generated token (steer), an answer (steer_set) or a class of
    tokens (reactivation_set); the rest of the run, as JSON, is in the metadata.

    The metadata has every field of the run by its name. Its `result` lacks what the rows hold and
    nothing else: the columns of each SAE's firings, each arm's token_ids and probabilities, the
    rows of answers, the classes of the index.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    read, columns, without = TABLES[run["kind"]]
    rows = list(read(run))
    rest = without(run["result"])
    described = {name: json.dumps(value) for name, value in (run | {"result": rest}).items()}
    fields = [(name, pa.type_for_alias(alias)) for name, alias in columns.items()]
    table = pa.Table.from_pylist(rows, schema=pa.schema(fields, metadata=described))
    sink = io.BytesIO()
    pq.write_table(table, sink, compression="zstd")
    return sink.getvalue()


# column -> type of Arrow; pyarrow costs the start-up half a second, so it is imported where it is
# used
INSPECT_COLUMNS = {
    "sae_id": "string",
    "position": "int32",
    "token_id": "int32",
    "text": "string",
    "feature_index": "int32",
    "activation": "float",
}
STEER_COLUMNS = {
    "arm": "string",
    "sample": "int32",
    "step": "int32",
    "token_id": "int32",
    "probability": "double",  # null in a run of a version that did not keep it
    "kl_nats": "double",
}

STEER_SET_COLUMNS = {
    "row": "int32",
    "prompt": "string",
    "arm": "string",
    "answer": "string",
    "success": "bool",
    "changed": "bool",
}
REACTIVATION_SET_COLUMNS = {
    "sae_id": "string",
    "token_class": "string",
    "n_positions": "int64",
    "firing": "int64",
    "new": "int64",
    "reactivated": "int64",
    "carried": "int64",
    "share": "double",
    "shuffled_share": "double",
    "index": "double",
    "interval_low": "double",
    "interval_high": "double",
    "shuffled_interval_low": "double",
    "shuffled_interval_high": "double",
}


def _firings(run: dict[str, Any]) -> Iterator[dict[str, Any]]:
    tokens = run["result"]["tokens"]
    for sae_id, columns in run["result"]["firings"].items():
        names = ("position", "feature_index", "activation")
        for position, feature, activation in zip(*(columns[name] for name in names), strict=True):
            at = tokens[position]
            yield {
                "sae_id": sae_id,
                "position": position,
                "token_id": at["token_id"],
                "text": at["text"],
            } | {
                "feature_index": feature,
                "activation": activation,
            }


def _without_firings(result: dict[str, Any]) -> dict[str, Any]:
    return result | {"firings": {sae_id: {} for sae_id in result["firings"]}}


def _texts(run: dict[str, Any]) -> Iterator[dict[str, Any]]:
    result = run["result"]
    arms = {"baseline": result["baseline"], "steered": result["steered"], **result["controls"]}
    for name, arm in arms.items():
        told = {"arm": name, "kl_nats": arm["kl"]}
        for sample, token_ids in enumerate(arm["token_ids"]):
            probabilities = (
                arm["probabilities"][sample]
                if arm.get("probabilities")
                else [None] * len(token_ids)
            )
            for step, (token_id, probability) in enumerate(
                zip(token_ids, probabilities, strict=True)
            ):
                yield told | {
                    "sample": sample,
                    "step": step,
                    "token_id": token_id,
                    "probability": probability,
                }


def _without_tokens(result: dict[str, Any]) -> dict[str, Any]:
    controls = {name: _without_columns(arm) for name, arm in result["controls"].items()}
    arms = {name: _without_columns(result[name]) for name in ("baseline", "steered")}
    return result | arms | {"controls": controls}


def _without_columns(arm: dict[str, Any]) -> dict[str, Any]:
    return {
        name: value for name, value in arm.items() if name not in ("token_ids", "probabilities")
    }


def _answers(run: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for row in run["result"]["rows"]:
        for arm, one in row["answers"].items():
            yield {
                "row": row["prompt"],
                "prompt": run["request"]["prompts"][row["prompt"]],
                "arm": arm,
                "answer": one["text"],
                "success": one["success"],
                "changed": one["changed"],
            }


def _classes(run: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for one in run["result"]["index"]["classes"]:
        ends = {
            f"{name}_{end}": value
            for name in ("interval", "shuffled_interval")
            for end, value in zip(("low", "high"), one[name] or (None, None), strict=True)
        }
        yield one | {"sae_id": run["result"]["sae_id"]} | ends


def _without_classes(result: dict[str, Any]) -> dict[str, Any]:
    return result | {"index": result["index"] | {"classes": []}}


TABLES: dict[str, tuple[Callable[..., Iterator[Any]], dict[str, str], Callable[..., Any]]] = {
    "inspect": (_firings, INSPECT_COLUMNS, _without_firings),
    "steer": (_texts, STEER_COLUMNS, _without_tokens),
    "steer_set": (_answers, STEER_SET_COLUMNS, lambda result: result | {"rows": []}),
    "reactivation_set": (_classes, REACTIVATION_SET_COLUMNS, _without_classes),
}


def as_notebook(run: dict[str, Any], origin: str) -> bytes:
    """A notebook of the standard library alone;
    `origin` is this server, and can be changed in its first cell.
    """
    title = f"# {run['title'] or 'Run ' + run['run_id']}\n\n"
    told = (
        f"Recorded {run['recorded_at']} by FunctionScope as run `{run['run_id']}`. Nothing "
        "here but the public API."
    )
    note = f"\n\n{run['note']}" if run["note"] else ""
    request = json.dumps(run["request"], ensure_ascii=True, indent=1)
    cells = [
        _markdown(_inert(title + told + note)),
        _code(_opening(origin)),
        _markdown("## The recorded answer"),
        _code(
            f'run = call("GET", "/api/runs/{run["run_id"]}")\n'
            'kept = run["result"]\n'
            'run["provenance"]'
        ),
        _markdown("## The same request, now"),
        _code(
            f"request = json.loads({request!r})\n"
            f'again = call("POST", "/api/{ENDPOINTS[run["kind"]]}", request)'
        ),
        _markdown("## Whether they agree"),
        _code(NUMBERS[run["kind"]]),
    ]
    notebook = {
        "cells": [{"id": f"cell-{i}", **cell} for i, cell in enumerate(cells)],
        "metadata": {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    return json.dumps(notebook, ensure_ascii=False, indent=1).encode("utf-8")


def _opening(origin: str) -> str:
    return f"""import json
import os
import urllib.request

SERVER = {origin!r}
TOKEN = os.environ.get("FUNCTIONSCOPE_TOKEN", "")  # only for a server that asks for it


def call(method, path, body=None):
    headers = {{"Content-Type": "application/json"}}
    if TOKEN:
        headers["Authorization"] = "Bearer " + TOKEN
    data = None if body is None else json.dumps(body).encode()
    sent = urllib.request.Request(SERVER + path, data, headers, method=method)
    with urllib.request.urlopen(sent) as reply:
        return json.load(reply)
"""


def _inert(text: str) -> str:
    """Markdown in which HTML is text: a title comes from whoever recorded the run."""
    return text.replace("&", "&amp;").replace("<", "&lt;")


def _markdown(text: str) -> dict[str, Any]:
    return {"cell_type": "markdown", "metadata": {}, "source": text.splitlines(keepends=True)}


def _code(text: str) -> dict[str, Any]:
    empty: dict[str, Any] = {"execution_count": None, "outputs": []}
    return {"cell_type": "code", "metadata": {}, "source": text.splitlines(keepends=True), **empty}
