"""The page says what was measured and can be read back; a ratio that fell keeps it as it is."""

from __future__ import annotations

import statistics

import pytest
from benchmarks import findings, growth, profiles, results, target_events
from benchmarks.measure import Run
from click.testing import CliRunner

EVENTS = "200,000 events"
READ = "129 calls | all streams"


def handed_over(folder, *, events=(44.0, 40.0, 47.0)):
    """Hand over findings of all parts, as if they had run; returns what they found."""
    parts = {name: findings.Findings(name, ["--rounds", "3"], 0.5) for name in results.PARTS}
    parts["tap_peers"].ratio(READ, [95.55])
    parts["tap_peers"].exactly("everything: 429s", 0, 0)
    parts["target_events"].ratio(EVENTS, events)
    header = ("program", "seconds", "events per second", "")
    rows = [("bare | loop", 1.25, 160_000, ""), ("target", "5.0 (4.9 to 5.2)", 40_000, "late")]
    parts["target_events"].table("Events of 900 bytes", header, rows, "All arrived.")
    for part in parts.values():
        part.hand_over(folder)
    return list(parts.values())


@pytest.fixture
def page(tmp_path):
    """Where the page is published."""
    (tmp_path / "published").mkdir()
    return tmp_path / "published" / "PAGE.md"


@pytest.fixture
def render(tmp_path, page):
    """Write the page of what was handed over, as the command does."""

    def call():
        return CliRunner().invoke(results.main, [f"--folder={tmp_path}", f"--page={page}"])

    return call


def test_the_page_shows_what_the_parts_found(tmp_path, page, render):
    handed_over(tmp_path)

    assert render().exit_code == 0
    lines = page.read_text().splitlines()
    table = lines.index("## Events of 900 bytes")
    assert lines[table + 2 : table + 8] == [
        "| program | seconds | events per second |  |",
        "| --- | ---: | ---: | --- |",
        r"| bare \| loop | 1.2 | 160,000 |  |",
        "| target | 5.0 (4.9 to 5.2) | 40,000 | late |",
        "",
        "All arrived.",
    ]
    assert "| 200,000 events | 44.0 | 40.0 | 47.0 |" in lines
    assert "| everything: 429s | 0.0 | 0.0 | kept |" in lines
    assert "| `python -m benchmarks.growth --rounds 3` | 0 | 0.5 |" in lines
    shown = {line.split(" | ")[0].removeprefix("| ") for line in lines if " | " in line}
    assert {"processor", "cores", "memory", "kernel", "Python", "singer-sdk", "msgspec"} <= shown


def test_the_page_gives_back_the_ratios_that_were_written(tmp_path):
    parts = handed_over(tmp_path)

    read = [findings.read(part.part, tmp_path) for part in parts]
    assert read == parts
    assert results.published(results.page(read, ())) == {READ: 95.5, EVENTS: 44.0}


@pytest.mark.parametrize(("now", "falls"), [(35.3, False), (35.1, True)])
def test_a_fall_by_a_fifth_fails_and_leaves_the_page(tmp_path, page, render, now, falls):
    handed_over(tmp_path)
    render()
    published = page.read_text()

    # The middle run decides: one that was lucky saves nothing, one that was not breaks nothing.
    handed_over(tmp_path, events=(10.0, now, 90.0))
    result = render()
    assert result.exit_code == falls
    assert (page.read_text() == published) == falls
    said = "200,000 events: 35.1 % is less than 80% of the published 44.0 %"
    assert (said in result.output) == falls
    assert (tmp_path / "PAGE.md").exists() == falls


def test_the_page_is_judged_anew_after_it_was_deleted(tmp_path, page, render):
    handed_over(tmp_path)
    render()
    handed_over(tmp_path, events=[1.0])
    assert render().exit_code == 1
    page.unlink()
    assert render().exit_code == 0
    assert results.published(page.read_text())[EVENTS] == 1.0


def test_a_ratio_that_is_no_longer_measured_is_a_fall():
    found = results.falls({READ: 95.5, EVENTS: 44.0}, {EVENTS: [44.0], "a new one": [1.0]})
    assert found == [f"{READ}: 95.5 % was published, and it was not measured"]


def test_a_part_that_did_not_run_is_named(tmp_path, page, render):
    handed_over(tmp_path)
    (tmp_path / "growth.json").unlink()

    result = render()
    assert result.exit_code == 1
    assert "growth has handed over nothing: run `python -m benchmarks.growth` first." in (
        result.output
    )
    assert not page.exists()


def test_a_missed_bar_fails_its_part_after_it_was_handed_over(tmp_path):
    part = findings.Findings("tap_peers")
    part.at_most("peak MB", 150, 150)
    part.at_least("rows per second", 30_000, 30_000)
    part.hand_over(tmp_path)
    part.at_most("seconds", 13.7, 13.6)
    with pytest.raises(SystemExit, match="1"):
        part.hand_over(tmp_path)
    verdicts = [bar[-1] for bar in findings.read("tap_peers", tmp_path).bars]
    assert verdicts == ["kept", "kept", "MISSED"]


def test_runs_are_shown_as_the_median_and_their_range():
    assert findings.spread([1.26]) == "1.3"
    assert findings.spread([3.0, 1.0, 2.04]) == "2.0 (1.0 to 3.0)"
    assert findings.spread([39_999.6, 41_000, 1000], 0) == "40,000 (1,000 to 41,000)"


def test_a_share_is_taken_of_the_loop_of_the_same_round():
    def sent(*seconds):
        return [target_events.Sent(100, 100, 1, Run(each, 1.0)) for each in seconds]

    loops = sent(1.0, 2.0, 4.0)
    assert target_events.shares(sent(2.0, 4.0, 16.0), loops) == [50.0, 50.0, 25.0]
    assert target_events.shares(sent(8.0), loops) == [25.0]


def test_growth_is_what_one_more_record_costs():
    assert growth.sizes(10_000_000) == [10**power for power in range(3, 8)]
    seconds = {1000: 1.0, 10_000: 1.1, 100_000: 3.8, 1_000_000: 30.8}
    assert growth.costs(seconds) == pytest.approx({100_000: 30.0, 1_000_000: 30.0})


def test_samples_belong_to_the_innermost_function_and_its_package():
    begin = "<module> (target-customerio:8);run (singer_sdk/target_base.py:3)"
    counts = profiles.places(
        "\n".join(
            (
                f"{begin};derive (target_customerio/event_id.py:75) 6",
                f"{begin};derive (target_customerio/event_id.py:81) 4",
                f"{begin};C.<locals>.find (target_customerio/a.py:1);dumps (json/__init__.py:2) 5",
                f"{begin};notify (threading.py:378) 3",
                "<module> (target-customerio:4);_find_and_load (<frozen importlib._bootstrap>:1) 9",
                " 1",
            )
        )
    )
    rows = list(profiles.rows(counts))
    assert [row[:2] for row in rows[:3]] == [
        ("cost 1", "target_customerio: `derive` of target_customerio/event_id.py"),
        ("cost 2", "standard library: `dumps` of json/__init__.py"),
        ("cost 3", "standard library: `notify` of threading.py"),
    ]
    owners = {owner: percent for kind, owner, percent in rows if kind == "all of"}
    assert owners == pytest.approx(
        {
            "target_customerio": 1000 / 28,
            "standard library": 800 / 28,
            "the start: imports": 900 / 28,
            "no Python function": 100 / 28,
        }
    )


def test_the_middle_of_several_runs_is_the_ratio():
    part = findings.Findings("tap_peers")
    assert part.ratio(READ, [1.0, 9.0, 2.0]) == statistics.median([1.0, 9.0, 2.0])
