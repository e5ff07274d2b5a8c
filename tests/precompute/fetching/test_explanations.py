"""`functionscope explanations` against a bucket on this machine, and from a folder."""

import gzip
import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import parse_qs, urlsplit
from xml.sax.saxutils import escape

import pytest

from backend import cli
from backend.core.sae.explained import FILE, explained_as, explanations_of
from tests.tiny import D_SAE, tiny_sae_dir

NAMED = "gemma-2-9b/20-gemmascope-res-16k"
PAGE = 2  # names a page: a bucket gives a thousand


@dataclass
class Bucket:
    url: str
    files: dict[str, bytes] = field(default_factory=dict)


@pytest.fixture
def bucket() -> Iterator[Bucket]:
    """Lists names by prefix, a few at a time, and gives files, as S3 does."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            at = urlsplit(self.path)
            if at.path == "/":
                query = parse_qs(at.query)
                body = listed(query["prefix"][0], query.get("continuation-token", ["0"])[0])
            else:
                body = bucket.files.get(at.path[1:], b"")
            self.send_response(200 if body else 404)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    def listed(prefix: str, start: str) -> bytes:
        names = sorted(name for name in bucket.files if name.startswith(prefix))
        begin = int(start)
        shown = "".join(
            f"<Contents><Key>{escape(name)}</Key></Contents>"
            for name in names[begin : begin + PAGE]
        )
        more = begin + PAGE < len(names)
        token = f"<NextContinuationToken>{begin + PAGE}</NextContinuationToken>" if more else ""
        return (
            f"<ListBucketResult><Prefix>{prefix}</Prefix>{token}{shown}</ListBucketResult>".encode()
        )

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    bucket = Bucket(f"http://127.0.0.1:{server.server_address[1]}")
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield bucket
    server.shutdown()
    server.server_close()
    thread.join()


def line(index: int, text: str, **more: str) -> str:
    model, source = NAMED.split("/")
    told = {"modelId": model, "layer": source, "index": str(index), "description": text, **more}
    return json.dumps(told, ensure_ascii=False) + "\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An SAE of a preset of one's own that names a Neuronpedia id."""
    made = shutil.copytree(tiny_sae_dir(tmp_path / "made", 2), tmp_path / "layer_2")
    name_it(made, NAMED)
    given = tmp_path / "presets.toml"
    given.write_text('[mine]\nmodel = "nobody/nothing"\nsaes = ["layer_2"]\n')
    monkeypatch.setenv("FUNCTIONSCOPE_PRESETS", str(given))
    return made


def name_it(folder: Path, named: str | None) -> None:
    config = json.loads((folder / "cfg.json").read_text("utf-8"))
    config["metadata"]["neuronpedia_id"] = named
    (folder / "cfg.json").write_text(json.dumps(config), "utf-8")


def test_what_the_bucket_says_is_kept_with_its_source_and_date(
    bucket: Bucket, folder: Path
) -> None:
    root = f"v1/{NAMED}/explanations"
    bucket.files = {
        f"{root}/batch-0.jsonl.gz": gzip.compress(
            (line(1, "capital  cities\u2028of countries", typeName="np_max-act") + "\n").encode()
        ),
        f"{root}/batch-1.jsonl.gz": gzip.compress(line(0, "line breaks").encode()),
        f"{root}-other/batch-0.jsonl": line(1, "Cities", explanationModelName="other").encode(),
        f"{root}/model.txt": b"not an explanation",
        f"v1/{NAMED}/features/batch-0.jsonl.gz": gzip.compress(b"not read"),
    }
    assert cli.main(["explanations", "mine", "--bucket", bucket.url]) == 0
    found = explanations_of(folder, 1)
    assert sorted((one.text, one.explainer, one.method) for one in found) == [
        ("Cities", "other", ""),
        ("capital cities of countries", "", "np_max-act"),
    ]
    assert {one.source for one in found} == {f"{bucket.url}/{root}"}
    assert explained_as(folder, "CITIES") == [1]
    assert (explained_as(folder, "ci"), explained_as(folder, "breaks")) == ([], [0])
    assert explanations_of(folder, 2) == []


def test_a_folder_is_read_where_there_is_no_network(folder: Path, tmp_path: Path) -> None:
    given = tmp_path / "explanations"
    given.mkdir()
    (given / "batch-0.jsonl").write_text(line(3, "Chinese"), "utf-8")
    asked = ["explanations", "mine", "--sae", "layer_2", "--folder", str(given)]
    name_it(folder, None)  # a folder needs no id
    assert cli.main(asked) == 0
    assert [one.source for one in explanations_of(folder, 3)] == ["explanations"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "batch-0.jsonl, line 1: not an explanation"),
        ('{"index": "1"}', "line 1: not an explanation with index and description"),
        (line(D_SAE, "beyond"), f"0 to {D_SAE - 1}: is it another SAE's?"),
        ("\n", "holds no explanations of layer_2"),
    ],
)
def test_a_wrong_file_is_refused_and_what_was_there_stays(
    text: str, said: str, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = tmp_path / "explanations"
    given.mkdir()
    asked = ["explanations", "mine", "--sae", "layer_2", "--folder", str(given)]
    (given / "batch-0.jsonl").write_text(line(3, "kept"), "utf-8")
    assert cli.main(asked) == 0
    before = (folder / FILE).read_bytes()
    (given / "batch-0.jsonl").write_text(text, "utf-8")
    assert cli.main(asked) == 2
    assert said in capsys.readouterr().err
    assert (folder / FILE).read_bytes() == before


def test_what_cannot_be_fetched_is_said_in_one_sentence(
    bucket: Bucket, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for asked, said in (
        (["--bucket", bucket.url], "holds no explanations"),
        (["--bucket", "http://127.0.0.1:9"], "give it as --folder"),
        (["--sae", "layer_9"], "has no SAE 'layer_9'; it has layer_2"),
        (["--folder", str(folder)], "say which with --sae"),
    ):
        assert cli.main(["explanations", "mine", *asked]) == 2
        assert said in capsys.readouterr().err
    name_it(folder, None)
    assert cli.main(["explanations", "mine"]) == 2
    assert "names a Neuronpedia id" in capsys.readouterr().err
    assert not (folder / FILE).exists()
