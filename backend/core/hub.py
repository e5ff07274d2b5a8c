"""The hub: what of it lies on this machine,
and why a model or SAE could not be had, in one sentence.
"""

import json
from pathlib import Path

INDEX_FILES = {
    "model.safetensors.index.json": "model.safetensors",
    "pytorch_model.bin.index.json": "pytorch_model.bin",
}


class ModelUnavailable(RuntimeError):
    """A model, tokenizer or SAE could not be read; the message says what to do."""


_SIGNS: tuple[tuple[tuple[str, ...], str], ...] = (
    (
        ("GatedRepo", "access a gated repo", "access gated repo", "awaiting a review"),
        "is gated: accept its licence on {page} with your account, then give your token with `hf "
        "auth login` or HF_TOKEN.",
    ),
    (
        (
            "LocalEntryNotFound",
            "OfflineMode",
            "ConnectError",
            "ConnectionError",
            "couldn't connect",
            "Connection refused",
            "Name or service not known",
            "Temporary failure in name resolution",
            "ProxyError",
            "Timeout",
        ),
        "is not on this machine and huggingface.co cannot be reached: connect once and run"
        " `functionscope fetch`, or give a local folder.",
    ),
    (
        (
            "RepositoryNotFound",
            "not a valid model identifier",
            "RevisionNotFound",
            "404 Client",
            "HFValidationError",
        ),
        "does not exist on huggingface.co under this name and revision: check the spelling.",
    ),
    (
        ("RemoteProtocolError", "ReadError", "Consistency check failed"),
        "was cut off: start the same command again, it goes on where it stopped.",
    ),
    (
        ("SafetensorError", "PytorchStreamReader", "UnpicklingError", "EOFError"),
        "has weights that are damaged or cut short: fetch or copy it again.",
    ),
    (
        ("instantiate the backend tokenizer", "sentencepiece or tiktoken"),
        "lacks its tokenizer: put its tokenizer.json and tokenizer_config.json beside the weights.",
    ),
    (
        ("does not recognize this architecture",),
        "is of a kind that the installed transformers does not know: check model_type in its "
        "config.json, or install a"
        " newer transformers.",
    ),
    (
        ("EntryNotFound", "does not appear to have a file named", "no file named"),
        "lacks a file that is needed; it may be unfinished, or not be in the expected layout.",
    ),
)


def complete_snapshot(source: str, revision: str | None = None) -> Path | None:
    """The folder of the hub's cache with this model,
    if configuration and every shard of its weights are there.
    """
    from huggingface_hub import try_to_load_from_cache

    try:
        found = try_to_load_from_cache(source, "config.json", revision=revision)
    except ValueError:  # no name that the hub could have
        return None
    if not isinstance(found, str):
        return None
    folder = Path(found).parent
    for index_file, single in INDEX_FILES.items():
        index = folder / index_file
        shards = {single}
        if index.exists():
            shards = set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values())
        if all((folder / shard).exists() for shard in shards):
            return folder
    return None


def require_hub(source: str) -> None:
    """ModelUnavailable at once when the hub cannot be reached:
    its client would retry for 25 seconds.
    """
    from huggingface_hub import constants, get_session

    try:
        get_session().head(constants.ENDPOINT, timeout=10)
    except Exception as error:  # whichever HTTP library it uses
        raise ModelUnavailable(explain_hub_error(source, error)) from error


def explain_hub_error(source: str, error: BaseException) -> str:
    """One sentence about `source`; the last line of the error itself when no cause is recognised.

    The chain of causes is searched from the innermost outwards, since the libraries above
    the connection wrap a network failure in "not a valid identifier".
    """
    chain: list[BaseException] = []
    link: BaseException | None = error
    while link is not None and link not in chain:
        chain.append(link)
        link = link.__cause__ or link.__context__
    for one in reversed(chain):
        said = f"{type(one).__name__}: {one}"
        for signs, remedy in _SIGNS:
            if any(sign in said for sign in signs):
                return f"{source} {remedy.format(page=_page(source))}"
    lines = str(error).strip().splitlines()
    if lines and isinstance(error, (OSError, ValueError, ImportError)):
        return f"{source} could not be loaded: {lines[-1]}"
    reason = ": ".join([type(error).__name__, *lines[-1:]])  # a KeyError's own text says nothing
    return f"{source} could not be loaded ({reason}): a file of it is damaged; fetch it again."


def _page(source: str) -> str:
    """Where the licence of a repository is read and accepted;
    `source` may go on with a file's name.
    """
    return f"https://huggingface.co/{source.split()[0]}"
