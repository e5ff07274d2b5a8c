"""Opening, replacing and refusing builds; many readers at once."""

import os
import resource
import shutil
import threading
from pathlib import Path

import duckdb
import numpy as np
import pytest

from backend.core.store import Store, StoreInvalid, StoreMissing
from backend.core.store.writer import BuildNotWritten, chunks, publish
from backend.core.token_classes import by_frequency, classify
from tests.precompute.conftest import Made


def test_a_missing_build_is_named_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(StoreMissing, match=r"gone\.duckdb.*precompute all"):
        Store.open(tmp_path / "gone.duckdb")


def test_what_is_not_a_build_is_refused(tmp_path: Path, made: Made) -> None:
    text, cut, empty = (tmp_path / f"{name}.duckdb" for name in ("text", "cut", "empty"))
    text.write_text("not a database" * 1000)
    cut.write_bytes(made.out.read_bytes()[:50_000])
    duckdb.connect(str(empty)).close()
    for path in (text, cut, empty):
        with pytest.raises(StoreInvalid, match=path.name):
            Store.open(path)


def test_another_schema_version_is_refused(tmp_path: Path, made: Made) -> None:
    path = tmp_path / "b.duckdb"
    shutil.copy(made.out, path)
    with duckdb.connect(str(path)) as connection:
        connection.execute("UPDATE provenance SET value = '999' WHERE key = 'schema_version'")
    with pytest.raises(StoreInvalid, match="schema version 999"):
        Store.open(path)


def test_a_replaced_file_is_followed_and_a_lost_one_said(tmp_path: Path, made: Made) -> None:
    path, other = tmp_path / "b.duckdb", tmp_path / "other.duckdb"
    shutil.copy(made.out, path)
    store = Store.open(path)
    for title in ("first", "second", "third"):
        shutil.copy(made.out, other)
        with duckdb.connect(str(other)) as connection:
            connection.execute("UPDATE token SET text = ? WHERE token_id = 5", [title])
        os.replace(other, path)
        token = store.token(5)
        assert token is not None
        assert token.text == title
    path.write_text("damaged")
    with pytest.raises(StoreInvalid):
        store.token(5)
    path.unlink()
    with pytest.raises(StoreMissing):
        store.token(5)
    shutil.copy(made.out, path)
    assert store.token(5) is not None
    store.close()


def test_threads_get_their_own_answers_while_the_file_is_replaced(
    tmp_path: Path, made: Made
) -> None:
    path = tmp_path / "b.duckdb"
    shutil.copy(made.out, path)
    store = Store.open(path)
    expected = {i: store.token(i) for i in range(60)}
    wrong: list[object] = []

    def ask(start: int) -> None:
        try:
            for i in range(60):
                token_id = (start + i) % 60
                if store.token(token_id) != expected[token_id]:
                    wrong.append(token_id)
        except Exception as error:
            wrong.append(error)

    threads = [threading.Thread(target=ask, args=(7 * n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        shutil.copy(made.out, tmp_path / "next")
        os.replace(tmp_path / "next", path)
        threads[0].join(0.2)
    assert wrong == []
    store.close()


def test_tokens_are_searched_filtered_and_paged(store: Store, made: Made) -> None:
    everything, total = store.tokens(limit=10_000)
    assert total == len(everything) == store.provenance()["counts"]["vocabulary"]
    ranks = [row.rank for row in everything if row.rank is not None]
    assert ranks == list(range(1, len(ranks) + 1))
    page, _ = store.tokens(limit=3, offset=2)
    assert page == everything[2:5]
    found, n = store.tokens(q="RUSSIA")
    assert n == len(found) > 0
    assert all("russia" in row.text.lower() for row in found)
    assert [row.token_id for row in store.tokens(q="7")[0]].count(7) == 1
    assert store.tokens(q="%")[1] == sum("%" in row.text for row in everything)
    assert {row.token_class for row in store.tokens(token_class="function")[0]} == {"function"}
    for wrong in ({"order": "x; DROP TABLE token"}, {"token_class": "noun"}):
        with pytest.raises(ValueError, match=next(iter(wrong.values()))):
            store.tokens(**wrong)


def test_token_rows_are_the_counts_of_the_corpus(store: Store) -> None:
    rows = store.tokens(limit=10_000)[0]
    seen = [row for row in rows if row.rank is not None]
    assert sum(row.share for row in seen) == pytest.approx(1)
    running = 0.0
    for row in seen:
        running += row.share
        assert row.cumulative == pytest.approx(running)
        assert row.documents <= row.occurrences
    assert max(row.document_coverage for row in rows) <= 1
    special = [row for row in rows if row.rank is None]
    assert {row.token_class for row in special} == {"special"}
    assert all((row.occurrences, row.share, row.cumulative) == (0, 0.0, None) for row in special)
    assert store.token(10**6) is None


def test_classes_are_those_of_the_cut(store: Store) -> None:
    rows = sorted(store.tokens(limit=10_000)[0], key=lambda row: row.token_id)
    import numpy as np

    counts = np.array([row.occurrences for row in rows])
    special = store.provenance()["counts"]["special_token_ids"]
    names = [("content", "function", "special")[code] for code in classify(counts, special, 0.40)]
    assert [row.token_class for row in rows] == names
    by_rank = sorted((row for row in rows if row.rank), key=lambda row: row.rank or 0)
    assert [row.token_id for row in by_rank] == by_frequency(counts, special).tolist()


def test_features_are_searched_and_paged(store: Store) -> None:
    rows, total = store.search_features("layer_2", limit=1000)
    assert total == len(rows) == next(s.n_active for s in store.saes() if s.sae_id == "layer_2")
    assert [row.n_firings for row in rows] == sorted((row.n_firings for row in rows), reverse=True)
    dense, n = store.search_features("layer_2", min_density=0.05, order="feature_index")
    assert 0 < n < total
    assert all(row.density >= 0.05 for row in dense)
    russia = {row.token_id for row in store.tokens(q="Russia")[0]}
    for row in store.search_features("layer_2", q="Russia", limit=1000)[0]:
        assert russia & {*row.top_token_ids, *row.promoted_token_ids}
    assert [
        row.feature_index for row in store.search_features("layer_2", q="7", limit=500)[0]
    ].count(7) == 1
    assert store.feature("layer_2", 96) is None
    with pytest.raises(ValueError, match="colour"):
        store.search_features("layer_2", order="colour")


def test_features_held_in_memory_are_the_rows_of_the_file_in_whatever_order_it_has_them(
    tmp_path: Path, made: Made
) -> None:
    mixed = tmp_path / "mixed.duckdb"
    shutil.copy(made.out, mixed)
    with duckdb.connect(str(mixed)) as connection:
        connection.execute(
            "CREATE TABLE drawn AS SELECT * FROM feature WHERE feature_index <> 3 ORDER BY "
            "hash(feature_index)"
        )
        connection.execute("DELETE FROM feature")
        connection.execute("INSERT INTO feature SELECT * FROM drawn")
        connection.execute("DROP TABLE drawn")
    asked = [95, 3, 3, *range(96), 96, -1]
    for path in (made.out, mixed):
        store = Store.open(path)
        queried = store.features("layer_2", asked)
        columns = store.feature_columns("layer_2")
        assert store.features("layer_2", asked) == queried
        assert [row.feature_index for row in queried] == asked[:-2]
        assert path == made.out or {row.n_firings for row in queried if row.feature_index == 3} == {
            0
        }
        assert columns.feature_index.tolist() == sorted(
            {row.feature_index for row in queried if row.n_firings}
        )
        for row in queried:
            for token_id in row.top_token_ids:
                assert columns.places_of(np.array([row.feature_index])) in columns.fired_by.listing(
                    token_id
                )
        store.close()


def test_publishing_fails_whole_and_leaves_the_old_build(tmp_path: Path, made: Made) -> None:
    path = tmp_path / "b.duckdb"
    shutil.copy(made.out, path)
    before = path.read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    # as a full disk would: writing stops
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(BuildNotWritten, match=r"b\.duckdb was not written"):
            publish(
                path,
                {},
                [],
                {"counts": {"positions": 0, "documents": 0}, "filler": "x" * 3_000_000},
            )
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    with pytest.raises(BuildNotWritten, match="untouched"):
        publish(path, {"no_such_table": {"a": [1]}}, [], {})
    assert path.read_bytes() == before
    assert sorted(p.name for p in tmp_path.iterdir()) == ["b.duckdb"]


def test_chunks_hold_whole_tokens(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    edges = store.edges("layer_2")
    monkeypatch.setattr("backend.core.store.writer.EDGES_PER_CHUNK", 40)
    parts = list(chunks(edges))
    assert sum(len(part.token_id) for part in parts) == len(edges.token_id)
    assert len(parts) > 3
    for part, following in zip(parts, parts[1:], strict=False):
        assert part.token_id[-1] < following.token_id[0]
        assert len(part.token_id) >= 40


def test_a_published_build_has_no_free_blocks(made: Made) -> None:
    with duckdb.connect(":memory:") as connection:
        connection.execute(f"ATTACH '{made.out}' AS build (READ_ONLY)")
        free = connection.execute(
            "SELECT free_blocks FROM pragma_database_size() WHERE database_name = 'build'"
        ).fetchall()
    assert free == [(0,)]
