"""Weights that lie in installed Python packages, read as the data files that they are: no package
is imported.
"""

from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path


@dataclass(frozen=True)
class Packaged:
    """A GGUF in packages: one file of each, joined in this order. `sha256` is that of the whole."""

    packages: tuple[str, ...]  # names of distributions
    files: str  # pattern of the file's name, the same in each
    sha256: str
    install: str  # the command that installs them

    @property
    def name(self) -> str:
        """What the file is called, without its ending."""
        return self.files.split(".gguf")[0]

    def find(self) -> tuple[Path, ...] | None:
        """The pieces in order; None unless every package is installed and has exactly one that is
        there.
        """
        pieces = [self._piece(package) for package in self.packages]
        return tuple(piece for piece in pieces if piece is not None) if all(pieces) else None

    def _piece(self, package: str) -> Path | None:
        try:
            listed = files(package) or ()
        except PackageNotFoundError:
            return None
        found = [Path(str(one.locate())) for one in listed if one.match(self.files)]
        return found[0] if len(found) == 1 and found[0].is_file() else None
