"""Each sentence of the guarantee in the README names tests, and they exist."""

from __future__ import annotations

import ast
import re

import pytest

PROMISES = (
    "delivers at least once what the API returned",
    "Two things it can miss",
    "answers for every record before its STATE leaves",
    "An event keeps one ULID in every repetition",
    "Items of one identifier are sent in order",
    "No credential and no personal value stands in any log, error, metric or report",
    "Nothing goes to a host beyond Customer.io's four and those configured",
)
LINK = re.compile(r"\[\d+\]\(([^)#]+)#([^)]+)\)")


@pytest.fixture
def paragraphs(root):
    """The paragraphs and items of the section, after what introduces them."""
    readme = (root / "README.md").read_text()
    section = readme.split("\n## The guarantee\n")[1].split("\n## ")[0]
    return [part for part in re.split(r"\n\n|\n(?=- )", section) if part.strip()][1:]


def names_in(file):
    return {
        node.name
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    }


def test_every_sentence_names_tests_that_exist(root, paragraphs):
    for paragraph in paragraphs:
        links = LINK.findall(paragraph)
        assert links, paragraph
        for path, name in links:
            assert name in names_in(root / path), f"{path} has no {name}"


def test_every_promise_is_there(paragraphs):
    text = " ".join(" ".join(paragraphs).split())
    assert [promise for promise in PROMISES if promise not in text] == []
