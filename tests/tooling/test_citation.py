"""CITATION.cff says what pyproject.toml says."""

import tomllib
from pathlib import Path

import yaml

TOP = Path(__file__).resolve().parents[2]


def test_the_citation_is_of_this_version() -> None:
    said = yaml.safe_load((TOP / "CITATION.cff").read_text(encoding="utf-8"))
    project = tomllib.loads((TOP / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert said["cff-version"] == "1.2.0"
    assert {"message", "title", "authors"} <= said.keys()
    assert said["title"] == "FunctionScope"
    assert said["authors"] == [{"name": "The FunctionScope developers"}]
    assert (said["version"], said["license"]) == (project["version"], project["license"])
    (paper,) = said["references"]
    assert paper["url"] == "https://arxiv.org/abs/2510.08203"
    assert all({"family-names", "given-names"} == one.keys() for one in paper["authors"])
