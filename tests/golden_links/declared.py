"""What pages/<page>.toml declares: `path`, the names of the page's controls (`names`, or
`settings`: where the page declares them), those that no state has (`untested`), and one [[state]]
or more.
"""

import importlib
import tomllib
from pathlib import Path
from typing import Any

PAGES = {
    path.stem: tomllib.loads(path.read_text())
    for path in sorted(Path(__file__).with_name("pages").glob("*.toml"))
}


def names_of(page: dict[str, Any]) -> set[str]:
    """The controls that the page says it has."""
    if "settings" not in page:
        return set(page["names"])
    module, _, name = page["settings"].partition(":")
    declared = getattr(importlib.import_module(module), name)
    return {*declared.names(), *declared.beside} if isinstance(declared, type) else {*declared}
