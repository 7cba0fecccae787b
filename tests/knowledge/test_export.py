from __future__ import annotations

import json
from dataclasses import replace

import pytest

from metaauto.errors import KnowledgeError
from metaauto.knowledge import KnowledgeStore, export_text, import_text
from metaauto.knowledge.canonical import digest


def test_a_new_result_is_a_new_line_of_one_file(filled, example, tmp_path):
    folder = tmp_path / "text"
    first = export_text(filled, folder)
    assert first.files == first.written == 7
    before = {path: path.read_text() for path in folder.rglob("*.jsonl")}
    filled.add_evaluations([replace(example().evaluations[0], fold=9, limit_seconds=5.0)])
    report = export_text(filled, folder)
    assert (report.written, report.deleted) == (1, 0)
    changed = [path for path, text in before.items() if path.read_text() != text]
    lines = changed[0].read_text().splitlines()
    assert len(changed) == 1
    assert len(set(lines) - set(before[changed[0]].splitlines())) == 1
    assert len(lines) == len(before[changed[0]].splitlines()) + 1


def test_lines_are_short_and_say_what_they_mean(filled, tmp_path):
    export_text(filled, tmp_path / "text")
    path = next((tmp_path / "text" / "datasets" / "binary").iterdir())
    dataset, result, *_ = map(json.loads, path.read_text().splitlines())
    assert dataset["fingerprint"] == path.stem
    assert dataset["metafeatures"]["shape/1"]["log_rows"] >= 2
    assert result["fold"] == [0, 1]
    assert len(result["losses"]["log_loss"]) == 2
    assert "0.30000000000000004" not in path.read_text()


def test_files_of_forgotten_datasets_go(filled, example, tmp_path):
    folder = tmp_path / "text"
    export_text(filled, folder)
    (folder / "datasets" / "binary" / "notes.jsonl").write_text("mine")
    (folder / "README").write_text("mine")
    filled.forget(example().datasets[0].fingerprint)
    assert export_text(filled, folder).deleted == 1
    assert (folder / "README").exists()
    assert len(list((folder / "datasets" / "binary").iterdir())) == 4


def test_only_folders_of_exports_are_touched(filled, tmp_path):
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.txt").write_text("mine")
    with pytest.raises(KnowledgeError, match="not an export"):
        export_text(filled, tmp_path / "thesis")
    with pytest.raises(KnowledgeError, match="not an export"):
        import_text(tmp_path / "thesis", filled)
    with pytest.raises(KnowledgeError, match="not an export"):
        import_text(tmp_path / "none", filled)
    assert len(list((tmp_path / "thesis").iterdir())) == 1


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("configurations.jsonl", '"n_neighbors":1', '"n_neighbors":9'),
        ("provenance.jsonl", '"build"', '"fit"'),
        ("provenance.jsonl", '{"', '["'),
        ("datasets", '"binary"', '"ranking"'),
        ("datasets", '"fold":[0,1]', '"fold":[0]'),
        ("datasets", '"success"', '"fine"'),
        ("datasets", '"n_rows":1', '"n_rows":-1'),
        ("knowledge.json", "1", "99"),
        ("knowledge.json", "1", '"x"'),
    ],
)
def test_text_that_was_tampered_with_adds_nothing(filled, tmp_path, name, old, new):
    folder = tmp_path / "text"
    export_text(filled, folder)
    path = folder / name if name != "datasets" else sorted(folder.rglob("[0-9a-f]*.jsonl"))[0]
    path = sorted((folder / "datasets" / "binary").iterdir())[0] if name == "datasets" else path
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    with KnowledgeStore.create(tmp_path / "other.db") as other:
        empty = digest(other)
        with pytest.raises(KnowledgeError):
            import_text(folder, other)
        assert digest(other) == empty


def test_a_missing_or_binary_file_is_told(filled, tmp_path):
    folder = tmp_path / "text"
    export_text(filled, folder)
    (folder / "provenance.jsonl").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(KnowledgeError, match=r"provenance\.jsonl"):
        import_text(folder, filled)
    (folder / "provenance.jsonl").unlink()
    with pytest.raises(KnowledgeError, match=r"provenance\.jsonl"):
        import_text(folder, filled)
