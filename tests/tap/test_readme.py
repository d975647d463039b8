from __future__ import annotations

from .tables import README, settings_table, streams_table, written


def test_the_tables_of_the_readme_are_those_of_the_code():
    text = README.read_text()
    assert settings_table() in text
    assert streams_table() in text
    assert written(text) == text, "python -m tests.tap.tables"
