"""Addresses of page states, and the same request as curl and as Python.

Only what differs from the default enters an address, so that a link says what was chosen.
"""

import json
import shlex
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from app.base import at

Scalar = str | int | float | bool


def page_url(path: str, **state: Scalar | None) -> str:
    """Where `path` lies, with the given non-None values as its query."""
    return at(_with_query(path, state))


def _with_query(address: str, values: Mapping[str, Scalar | None]) -> str:
    query = urlencode({name: written(value) for name, value in values.items() if value is not None})
    return f"{address}?{query}" if query else address


def run_url(run_id: str) -> str:
    return at(f"/r/{quote(run_id, safe='')}")


def parsed_query(search: str | None) -> dict[str, str]:
    """`?a=1&b=` -> {"a": "1", "b": ""}; the last of repeated names wins."""
    return dict(parse_qsl((search or "").removeprefix("?"), keep_blank_values=True))


# Of every page: what a copied link was made on, and whether it stands in a frame elsewhere. No page
# reads them.
FRAME_PARAMETERS = ("b", "embed")
# (page, old name) -> its name now. A link that was minted once opens for ever: tests/golden_links.
RENAMED = {("/coverage", "token"): "tokens"}


def page_query(path: str, query: Mapping[str, str]) -> dict[str, str]:
    """What a page's layout is given:
    parameters under the names that they have now, without the frame's own.
    """
    kept = {name: value for name, value in query.items() if name not in FRAME_PARAMETERS}
    renamed = {RENAMED.get((path, name), name): value for name, value in kept.items()}
    return renamed | {name: value for name, value in kept.items() if name in renamed}


def origin(href: str | None) -> str:
    """Scheme and host of the page's own address,
    so that a copied command reaches the same server.
    """
    parts = urlsplit(href or "")
    return f"{parts.scheme}://{parts.netloc}" if parts.netloc else "http://127.0.0.1:8050"


def reproduce_get(
    href: str | None, path: str, query: Mapping[str, Scalar | None]
) -> dict[str, str]:
    """A GET request as {"curl": …, "python": …}; both run as they stand."""
    address = _with_query(origin(href) + at(path), query)
    code = (
        "import json\n"
        "import urllib.request\n"
        "\n"
        f'url = "{address}"\n'
        "print(json.load(urllib.request.urlopen(url)))"
    )
    return {"curl": f"curl -s {shlex.quote(address)}", "python": code}


def reproduce_post(href: str | None, path: str, body: Mapping[str, Any]) -> dict[str, str]:
    """A POST of JSON as {"curl": …, "python": …}; both run as they stand."""
    address = origin(href) + at(path)
    sent = json.dumps(body, ensure_ascii=False)
    curl = f"curl -s {address} -H 'Content-Type: application/json' \\\n  -d {shlex.quote(sent)}"
    code = (
        "import json\nimport urllib.request\n\n"
        f"body = json.loads({sent!r})\n"
        f'request = urllib.request.Request("{address}", json.dumps(body).encode(),\n'
        '                                 {"Content-Type": "application/json"})\n'
        "print(json.load(urllib.request.urlopen(request)))"
    )
    return {"curl": curl, "python": code}


def reproduce_stream(href: str | None, path: str, body: Mapping[str, Any]) -> dict[str, str]:
    """A POST of JSON whose answer is a stream of events; both print it as it comes."""
    code = reproduce_post(href, path, body)
    whole = "print(json.load(urllib.request.urlopen(request)))"
    lines = 'for line in urllib.request.urlopen(request):\n    print(line.decode(), end="")'
    return {
        "curl": code["curl"].replace("curl -s ", "curl -sN ", 1),
        "python": code["python"].replace(whole, lines),
    }


def written(value: Scalar) -> str:
    """A value in an address: numbers to their last digit and without a needless ".0", booleans as
    JSON writes them, texts as they are.
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    return repr(value).removesuffix(".0") if isinstance(value, float) else str(value)
