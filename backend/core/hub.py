"""Why a model or SAE could not be had from the hub, in one sentence with the remedy."""


class ModelUnavailable(RuntimeError):
    """A model, tokenizer or SAE could not be read; the message says what to do."""


_SIGNS: tuple[tuple[tuple[str, ...], str], ...] = (
    (
        ("GatedRepo", "access a gated repo", "access gated repo", "awaiting a review"),
        "is gated: accept its terms on huggingface.co with your account, then `hf auth login`.",
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
        ("EntryNotFound", "does not appear to have a file named", "no file named"),
        "lacks a file that is needed; it may be unfinished, or not be in the expected layout.",
    ),
)


def require_hub(source: str) -> None:
    """ModelUnavailable at once when the hub cannot be reached: its client would retry for 25 seconds."""
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
                return f"{source} {remedy}"
    lines = str(error).strip().splitlines()
    return f"{source} could not be loaded: {lines[-1] if lines else type(error).__name__}"
