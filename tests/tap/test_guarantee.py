"""What the tap cannot promise, shown: the limits that the README's guarantee names."""

from __future__ import annotations

from tap_customerio import times

from .conftest import run

NOON = 1_790_000_000
HOUR = 3600


def test_a_row_that_moves_to_a_page_already_read_is_missed_by_that_run(fake):
    def pages(query):
        if "start" in query:  # newsletter 1 was deleted meanwhile, and all others moved up
            return {"newsletters": [{"id": 4}], "next": ""}
        return {"newsletters": [{"id": 1}, {"id": 2}], "next": "2"}

    fake.routes["/v1/newsletters"] = pages
    assert [row["id"] for row in run(fake.url, "newsletters").records("newsletters")] == [1, 2, 4]
    fake.routes["/v1/newsletters"] = {"newsletters": [{"id": 2}, {"id": 3}, {"id": 4}]}
    assert [row["id"] for row in run(fake.url, "newsletters").records("newsletters")] == [2, 3, 4]


def test_an_activity_dated_before_bookmark_less_lookback_is_missed(fake):
    def ids(state, *rows):
        pages = {
            str(number): {
                "activities": [{"id": name, "timestamp": stamp}],
                "next": str(number + 1) if number + 1 < len(rows) else "",
            }
            for number, (name, stamp) in enumerate(rows)
        }
        fake.routes["/v1/activities"] = lambda query: pages[query.get("start", "0")]
        result = run(fake.url, "activities", state=state, activities_lookback_minutes=60)
        assert result.exit_code == 0
        return {row["id"] for row in result.records("activities")}, result.state

    first, state = ids({}, ("1", NOON))
    assert first == {"1"}
    assert times.to_text(NOON) in str(state)
    read, _ = ids(
        state,
        ("2", NOON + 1),
        ("within", NOON - HOUR + 1),
        ("1", NOON - 2 * HOUR),
        ("late", NOON - 2 * HOUR - 1),
    )
    assert {"2", "within"} <= read
    assert "late" not in read
