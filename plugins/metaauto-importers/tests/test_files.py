from __future__ import annotations

import pytest
from metaauto_importers.files import (
    MalformedValue,
    error_context,
    json_document,
    rows,
    source_commit,
    source_folders,
)

from metaauto.errors import KnowledgeError


def test_rows_come_with_their_lines(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text('a,b\n1,"two\nlines"\n\n3,4\n')
    found = [(row.line, row.cells) for row in rows(path, ("a",))]
    assert found == [(3, {"a": "1", "b": "two\nlines"}), (5, {"a": "3", "b": "4"})]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a,c\n", "line 1: there is no column 'b'"),
        ("", "line 1: there is no column 'a'"),
        ("a,b\n1,2\n3\n", "line 3: expected 2 cells (got 1)"),
        ('a,b\n1,"2\n', "line 2: unexpected end of data"),
    ],
)
def test_malformed_table_names_the_line(tmp_path, text, said):
    path = tmp_path / "table.csv"
    path.write_text(text)
    with pytest.raises(KnowledgeError) as caught:
        list(rows(path, ("a", "b")))
    assert caught.value.message == f"{str(path)!r}, {said}."


def test_malformed_json_names_the_line(tmp_path):
    path = tmp_path / "document.json"
    path.write_text('{"a": 1,\n "b": }')
    with pytest.raises(KnowledgeError, match=r"document\.json', line 2: invalid JSON"):
        json_document(path)


@pytest.mark.parametrize("read", [json_document, lambda path: list(rows(path, ()))])
def test_unreadable_file(tmp_path, read):
    path = tmp_path / "file"
    with pytest.raises(KnowledgeError, match="cannot be read: No such file"):
        read(path)
    path.write_bytes(b"\xff\xfe\xff")
    with pytest.raises(KnowledgeError, match="is not valid UTF-8"):
        read(path)


def test_error_context_is_one_line_of_the_innermost_place(tmp_path):
    with (
        pytest.raises(KnowledgeError) as caught,
        error_context(tmp_path / "outer", "line 1"),
        error_context(tmp_path / "inner", "line 2"),
    ):
        raise MalformedValue("n is 'x'")
    assert caught.value.message == f"{str(tmp_path / 'inner')!r}, line 2: n is 'x'."
    assert "\n" not in str(caught.value)


def test_folders_are_found_by_name_or_are_the_path(tmp_path):
    assert source_folders(tmp_path, ("one", "two")) == [tmp_path]
    (tmp_path / "two").mkdir()
    assert source_folders(str(tmp_path), ("one", "two")) == [tmp_path / "two"]
    with pytest.raises(KnowledgeError, match="no file or folder"):
        source_folders(tmp_path / "three", ("one",))


def test_the_commit_is_that_of_the_readme(tmp_path):
    assert source_commit(tmp_path) == ""
    (tmp_path / "README.txt").write_text("Origin: https://x.org/y @ 9c5b47d890bfa88c\nLicense: MIT")
    assert source_commit(tmp_path) == "9c5b47d890bf"
    (tmp_path / "README.txt").write_text("Somebody's files")
    assert source_commit(tmp_path) == ""
