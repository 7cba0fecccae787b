from __future__ import annotations

import pytest

from metaauto.errors import KnowledgeError
from metaauto.knowledge.importing.files import (
    Malformed,
    blamed,
    commit,
    folders,
    json_document,
    rows,
)


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
        ("a,b\n1,2\n3\n", "line 3: 1 cells under 2 columns"),
        ('a,b\n1,"2\n', "line 2: unexpected end of data"),
    ],
)
def test_a_malformed_table_is_told_with_its_line(tmp_path, text, said):
    path = tmp_path / "table.csv"
    path.write_text(text)
    with pytest.raises(KnowledgeError) as caught:
        list(rows(path, ("a", "b")))
    assert caught.value.message == f"{str(path)!r}, {said}."


def test_a_malformed_document_is_told_with_its_line(tmp_path):
    path = tmp_path / "document.json"
    path.write_text('{"a": 1,\n "b": }')
    with pytest.raises(KnowledgeError, match=r"document\.json', line 2: no JSON"):
        json_document(path)


@pytest.mark.parametrize("read", [json_document, lambda path: list(rows(path, ()))])
def test_a_file_that_is_no_text_or_missing_is_told(tmp_path, read):
    path = tmp_path / "file"
    with pytest.raises(KnowledgeError, match="cannot be read, No such file"):
        read(path)
    path.write_bytes(b"\xff\xfe\xff")
    with pytest.raises(KnowledgeError, match="is no text in UTF-8"):
        read(path)


def test_blame_is_one_line_and_laid_once(tmp_path):
    with (
        pytest.raises(KnowledgeError) as caught,
        blamed(tmp_path / "outer", "line 1"),
        blamed(tmp_path / "inner", "line 2"),
    ):
        raise Malformed("n is 'x'")
    assert caught.value.message == f"{str(tmp_path / 'inner')!r}, line 2: n is 'x'."
    assert "\n" not in str(caught.value)


def test_folders_are_found_by_name_or_are_the_path(tmp_path):
    assert folders(tmp_path, ("one", "two")) == [tmp_path]
    (tmp_path / "two").mkdir()
    assert folders(str(tmp_path), ("one", "two")) == [tmp_path / "two"]
    with pytest.raises(KnowledgeError, match="no file or folder"):
        folders(tmp_path / "three", ("one",))


def test_the_commit_is_that_of_the_readme(tmp_path):
    assert commit(tmp_path) == ""
    (tmp_path / "README.txt").write_text("Origin: https://x.org/y @ 9c5b47d890bfa88c\nLicense: MIT")
    assert commit(tmp_path) == "9c5b47d890bf"
    (tmp_path / "README.txt").write_text("Somebody's files")
    assert commit(tmp_path) == ""
