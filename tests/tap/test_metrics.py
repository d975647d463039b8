"""Metrics of both generations: real periods, one shape, what is read again and what is not."""

from __future__ import annotations

import collections

import pytest
import time_machine

from tap_customerio import times
from tap_customerio.streams import STREAMS

from .conftest import NOT_FOUND, Reply, run

NOW = times.to_seconds("2026-11-21T20:14:03Z")
RECENT, OLD = NOW - 10 * times.DAY, NOW - 91 * times.DAY
CAMPAIGNS = {"campaigns": [{"id": 4, "updated": RECENT, "actions": [{"id": "25"}, {"id": 26}]}]}
COUNTED = {"sent": [1, 2, 3], "opened": [0, 1, 2]}


@pytest.fixture(autouse=True)
def _now():
    with time_machine.travel(NOW, tick=True):
        yield


def periods(result, stream):
    return [(row["period_start"], row.get("sent")) for row in result.records(stream)]


def state(stream, bookmark):
    entry = {"replication_key": "period_start", "replication_key_value": bookmark}
    return {"bookmarks": {stream: entry}}


# The second generation


def campaign_metrics(fake, answer, stream="campaign_metrics", **settings):
    fake.routes["/v1/campaigns"] = CAMPAIGNS
    fake.routes["/v1/campaigns/4/metrics"] = answer
    return run(fake.url, stream, **settings)


def test_the_second_generation_is_asked_for_a_span_that_begins_with_a_period(fake):
    result = campaign_metrics(fake, {"metric": {"series": COUNTED}}, start_date="2026-11-19")
    (query,) = fake.queries("/v1/campaigns/4/metrics")
    assert query == {
        "version": "2",
        "res": "days",
        "start": str(times.to_seconds("2026-11-18T05:00:00Z")),
        "end": str(NOW),
    }
    assert periods(result, "campaign_metrics") == [
        ("2026-11-18T05:00:00Z", 1),
        ("2026-11-19T05:00:00Z", 2),
        ("2026-11-20T05:00:00Z", 3),
    ]
    assert result.bookmark("campaign_metrics") == {
        "replication_key": "period_start",
        "replication_key_value": "2026-11-20T05:00:00Z",
    }


def test_the_start_that_the_answer_names_counts(fake):
    for metric in (
        {"metric": {"series": COUNTED, "start": "2026-11-19T00:00:00-05:00", "res": "days"}},
        {"metric": {"series": COUNTED}, "start": "2026-11-19T05:00:00Z"},
    ):
        result = campaign_metrics(fake, metric, start_date="2026-11-01")
        assert periods(result, "campaign_metrics")[0] == ("2026-11-19T05:00:00Z", 1)


def test_days_of_a_time_zone_are_as_long_as_its_clock_says(fake):
    result = campaign_metrics(
        fake,
        {"metric": {"series": {"sent": [1, 2, 3]}}},
        start_date="2026-10-24T12:00:00Z",
        metrics_timezone="Europe/Berlin",
    )
    assert fake.queries("/v1/campaigns/4/metrics")[0]["tz"] == "Europe/Berlin"
    assert periods(result, "campaign_metrics") == [
        ("2026-10-23T22:00:00Z", 1),
        ("2026-10-24T22:00:00Z", 2),
        ("2026-10-25T23:00:00Z", 3),
    ]


def test_without_a_start_date_45_periods_are_read_and_with_a_bookmark_some_again(fake):
    answer = {"metric": {"series": {}}}
    campaign_metrics(fake, answer)
    campaign_metrics(fake, answer, metrics_lookback=2)
    fake.routes["/v1/campaigns/4/metrics"] = answer
    before = state("campaign_metrics", "2026-11-20T05:00:00Z")
    run(fake.url, "campaign_metrics", state=before)
    run(fake.url, "campaign_metrics", state=before, metrics_lookback=0)
    run(fake.url, "campaign_metrics", state=before, start_date="2026-11-17T06:00:00Z")
    starts = [times.to_text(int(q["start"])) for q in fake.queries("/v1/campaigns/4/metrics")]
    assert starts == [
        "2026-10-08T05:00:00Z",
        "2026-10-08T05:00:00Z",
        "2026-11-13T05:00:00Z",
        "2026-11-20T05:00:00Z",
        "2026-11-17T05:00:00Z",
    ]


def test_the_end_date_is_not_read_itself_and_a_start_in_the_future_asks_for_nothing(fake):
    answer = {"metric": {"series": {"sent": [1, 2, 3]}}}
    settings = {"start_date": "2026-11-17T05:00:00Z", "end_date": "2026-11-19T05:00:00Z"}
    result = campaign_metrics(fake, answer, **settings)
    assert len(periods(result, "campaign_metrics")) == 2
    assert result.bookmark("campaign_metrics")["replication_key_value"] == "2026-11-18T05:00:00Z"
    fake.calls.clear()
    assert campaign_metrics(fake, answer, start_date="2027-01-01").exit_code == 0
    assert "/v1/campaigns/4/metrics" not in fake.paths()


@pytest.mark.parametrize(
    "metric",
    [None, {}, *({"series": series} for series in (None, {}, {"sent": None}, {"sent": []}))],
)
def test_no_series_are_no_records(fake, metric):
    result = campaign_metrics(fake, {"metric": metric})
    assert (result.exit_code, result.of("RECORD")) == (0, [])
    fake.routes["/v1/campaigns/4/metrics/links"] = {
        "links": [{"link": {"id": 1}, "metric": metric}]
    }
    fake.routes["/v1/campaigns/4/journey_metrics"] = {"journey_metric": metric}
    for stream in ("campaign_link_metrics", "campaign_journey_metrics"):
        result = run(fake.url, stream)
        assert (result.exit_code, result.of("RECORD")) == (0, [])


UNREADABLE = [
    *(("campaign_metrics", "metrics", body) for body in (
        {}, {"metric": 5}, {"metric": []},
        {"metric": {"series": [1]}}, {"metric": {"series": {"sent": "many"}}},
        {"metric": {"series": {"sent": [1]}, "start": 10**30}},
    )),
    *(("campaign_journey_metrics", "journey_metrics", body) for body in (
        {}, {"journey_metric": [1]},
        {"journey_metric": {"finished": [1], "started": "many"}},
    )),
    *(("campaign_link_metrics", "metrics/links", body) for body in (
        {}, {"links": {}}, {"links": [None]}, {"links": [{}]},
        {"links": [{"link": {"id": 1}, "metric": [1]}]},
        *({"links": [{"link": link, "metric": {"series": {"clicked": [1]}}}]}
          for link in (None, {}, {"id": None}, {"id": {}}, {"id": [1]})),
    )),
]  # fmt: skip


@pytest.mark.parametrize(("stream", "path", "body"), UNREADABLE)
def test_what_is_no_answer_ends_the_stream_and_moves_no_bookmark(fake, caplog, stream, path, body):
    counted = [1] * 20
    good = {
        "metric": {"series": {"sent": counted}},
        "journey_metric": {"started": counted},
        **links({"clicked": counted}),
    }
    fake.routes["/v1/campaigns"] = {"campaigns": [{"id": 1}, {"id": 2}]}
    fake.routes[f"/v1/campaigns/1/{path}"] = good
    fake.routes[f"/v1/campaigns/2/{path}"] = body
    before = state(stream, "2026-11-01T05:00:00Z")
    result = run(fake.url, stream, state=before, max_concurrency=1)
    assert result.exit_code == 1
    assert "answered 200 with" in caplog.text
    assert result.bookmark(stream)["replication_key_value"] == "2026-11-01T05:00:00Z"
    fake.routes[f"/v1/campaigns/2/{path}"] = good
    result = run(fake.url, stream, state=before)
    assert result.exit_code == 0
    assert result.bookmark(stream)["replication_key_value"] > "2026-11-01T05:00:00Z"


@pytest.mark.parametrize("actions", [5, "x", {}, [{}], [{"id": None}], [{"id": {}}], [5], [[]]])
@pytest.mark.parametrize("parents", [(), ("campaigns",)])
def test_actions_that_are_no_list_of_ids_end_their_metrics_alone(fake, caplog, actions, parents):
    fake.routes["/v1/campaigns"] = {
        "campaigns": [{"id": 1, "actions": [{"id": 5}]}, {"id": 2, "actions": actions}]
    }
    for part in ("", "/actions/5"):
        fake.routes[f"/v1/campaigns/1{part}/metrics"] = {"metric": {"series": {"sent": [1]}}}
        fake.routes[f"/v1/campaigns/2{part}/metrics"] = {"metric": {"series": {"sent": [1]}}}
    names = ("campaign_metrics", "campaign_action_metrics")
    result = run(fake.url, *parents, *names, state=state(names[1], "2026-11-01T05:00:00Z"))
    assert result.exit_code == 1
    assert "GET /v1/campaigns answered 200 with no ids under `actions`" in caplog.text
    assert len(result.records("campaign_metrics")) == 2
    assert result.bookmark(names[1])["replication_key_value"] == "2026-11-01T05:00:00Z"


@pytest.mark.parametrize("actions", [None, []])
def test_a_parent_may_have_no_actions(fake, actions):
    fake.routes["/v1/campaigns"] = {"campaigns": [{"id": 1, "actions": actions}, {"id": 2}]}
    assert run(fake.url, "campaign_action_metrics").exit_code == 0


def test_both_generations_end_in_the_same_columns(fake):
    fake.routes["/v1/broadcasts"] = {"broadcasts": [{"id": 4, "updated": RECENT}]}
    fake.routes["/v1/broadcasts/4/metrics"] = {
        "metric": {"series": {"sent": [0, 5], "2xx": [1, 1]}}
    }
    second = campaign_metrics(fake, {"metric": {"series": {"human_opened": [1], "new": [2]}}})
    first = run(fake.url, "broadcast_metrics")
    (of_second,), of_first = second.records("campaign_metrics"), first.records("broadcast_metrics")
    assert of_second.pop("new") == 2
    assert (of_second["human_opened"], of_first[1]["human_opened"]) == (1, None)
    assert (of_first[1]["sent"], of_first[1]["2xx"]) == (5, 1)
    assert of_second.keys() - {"campaign_id"} == of_first[1].keys() - {"broadcast_id"}
    assert list(of_first[1].keys() - of_first[0].keys()) == []


# The first generation


def broadcast_metrics(fake, series, **settings):
    fake.routes["/v1/broadcasts"] = {"broadcasts": [{"id": 4, "updated": RECENT}]}
    fake.routes["/v1/broadcasts/4/metrics"] = {"metric": {"series": series}}
    result = run(fake.url, "broadcast_metrics", **settings)
    return result, fake.queries("/v1/broadcasts/4/metrics")[-1]


@pytest.mark.parametrize(
    ("resolution", "steps", "first", "last"),
    [
        ("hours", "24", "2026-11-21T18:00:00Z", "2026-11-21T20:00:00Z"),
        ("days", "45", "2026-11-19T05:00:00Z", "2026-11-21T05:00:00Z"),
        ("weeks", "12", "2026-11-01T05:00:00Z", "2026-11-15T05:00:00Z"),
        ("months", "45", "2026-09-01T05:00:00Z", "2026-11-01T05:00:00Z"),
    ],
)
def test_quirk_40_the_first_generation_counts_back_from_the_present_in_est(
    fake, resolution, steps, first, last
):
    # A time zone is nothing to the first generation.
    settings = {"metrics_resolution": resolution, "metrics_timezone": "Asia/Tokyo"}
    result, query = broadcast_metrics(fake, COUNTED, **settings)
    assert query == {"period": resolution, "steps": steps}
    found = periods(result, "broadcast_metrics")
    assert (found[0], found[-1]) == ((first, 1), (last, 3))
    assert {row["resolution"] for row in result.records("broadcast_metrics")} == {resolution}


def test_quirk_40_one_step_returns_two_and_the_first_of_them_is_not_wanted(fake):
    before = state("broadcast_metrics", "2026-11-21T05:00:00Z")
    result, query = broadcast_metrics(fake, {"sent": [1, 2]}, state=before, metrics_lookback=0)
    assert query["steps"] == "2"
    assert periods(result, "broadcast_metrics") == [("2026-11-21T05:00:00Z", 2)]


def test_the_lookback_is_asked_for_in_steps(fake):
    before = state("broadcast_metrics", "2026-11-18T05:00:00Z")
    _, query = broadcast_metrics(fake, {}, state=before)
    assert query["steps"] == "11"  # three days since, seven again, and today


def test_a_gap_that_is_longer_than_the_api_reaches_is_logged(fake, caplog):
    broadcast_metrics(fake, {})
    assert "The API gives no more" not in caplog.text
    _, query = broadcast_metrics(fake, {}, start_date="2026-01-31")
    assert query["steps"] == "45"
    assert "no more than 45 days" in caplog.text
    assert "from 2026-01-30T05:00:00Z to 2026-10-08T05:00:00Z" in caplog.text


def test_series_of_different_lengths_end_together(fake):
    result, _ = broadcast_metrics(fake, {"sent": [1, 2, 3], "opened": [9]})
    assert [row["opened"] for row in result.records("broadcast_metrics")] == [None, None, 9]


# Journeys


def test_quirk_41_journeys_are_asked_with_both_names_of_the_resolution(fake):
    fake.routes["/v1/campaigns"] = CAMPAIGNS
    fake.routes["/v1/campaigns/4/journey_metrics"] = {
        "journey_metric": {"started": [5, 6], "never_activated": [0, 1], "messaged": None}
    }
    result = run(fake.url, "campaign_journey_metrics", start_date="2026-11-20T05:00:00Z")
    (query,) = fake.queries("/v1/campaigns/4/journey_metrics")
    assert query == {
        "res": "days",
        "resolution": "days",
        "start": str(times.to_seconds("2026-11-20T05:00:00Z")),
        "end": str(NOW),
    }
    first, second = result.records("campaign_journey_metrics")
    assert (first["period_start"], first["started"]) == ("2026-11-20T05:00:00Z", 5)
    assert (second["never_activated"], second["messaged"], second["finished"]) == (1, None, None)


# Links


def links(*clicks):
    return {
        "links": [
            {"link": {"id": number, "href": f"https://l.example/{number}"}, "metric": {"series": s}}
            for number, s in enumerate(clicks, start=1)
        ]
    }


def test_clicks_and_those_of_different_people_are_one_row(fake):
    fake.routes["/v1/newsletters"] = {"newsletters": [{"id": 3, "sent_at": RECENT}]}
    fake.routes["/v1/newsletters/3/metrics/links"] = lambda query: (
        links({"clicked": [1, 1]}, {"clicked": [2, 0], "human_clicked": [1, 0]})
        if query["unique"] == "true"
        else links({"clicked": [4, 1]}, {"clicked": [3, 0], "human_clicked": [2, 0]})
    )
    result = run(fake.url, "newsletter_link_metrics")
    rows = result.records("newsletter_link_metrics")
    assert [(r["link_id"], r["period_start"], r["clicked"], r["unique_clicked"]) for r in rows] == [
        (1, "2026-11-20T05:00:00Z", 4, 1),
        (1, "2026-11-21T05:00:00Z", 1, 1),
        (2, "2026-11-20T05:00:00Z", 3, 2),
        (2, "2026-11-21T05:00:00Z", 0, 0),
    ]
    assert rows[2] == {
        "newsletter_id": 3,
        "link_id": 2,
        "href": "https://l.example/2",
        "resolution": "days",
        "period_start": "2026-11-20T05:00:00Z",
        "clicked": 3,
        "unique_clicked": 2,
        "human_clicked": 2,
        "machine_clicked": None,
    }


def test_without_links_there_is_nothing_to_ask_a_second_time(fake):
    fake.routes["/v1/transactional"] = {"messages": [{"id": 3, "updated_at": RECENT}]}
    fake.routes["/v1/transactional/3/metrics/links"] = {"links": None}
    result = run(fake.url, "transactional_link_metrics")
    assert result.exit_code == 0
    assert len(fake.queries("/v1/transactional/3/metrics/links")) == 1


def test_a_parent_that_vanishes_between_the_two_calls_is_skipped(fake):
    fake.routes["/v1/campaigns"] = {"campaigns": [{"id": 1}, {"id": 2}]}
    fake.routes["/v1/campaigns/1/metrics/links"] = lambda query: (
        NOT_FOUND if query["unique"] == "true" else links({"clicked": [4]})
    )
    fake.routes["/v1/campaigns/2/metrics/links"] = links({"clicked": [4]})
    result = run(fake.url, "campaign_link_metrics")
    assert result.exit_code == 0
    assert [row["campaign_id"] for row in result.records("campaign_link_metrics")] == [2]


# Parents


def test_actions_and_variants_are_those_that_their_parents_name(fake):
    fake.routes["/v1/campaigns"] = CAMPAIGNS
    fake.routes["/v1/newsletters"] = {"newsletters": [{"id": 3, "content_ids": [7, 8]}]}
    metric = {"metric": {"series": {"sent": [1]}}}
    for path in ("campaigns/4/actions/25", "newsletters/3/contents/7", "newsletters/3/contents/8"):
        fake.routes[f"/v1/{path}/metrics"] = metric
    fake.routes["/v1/campaigns/4/actions/26/metrics"] = NOT_FOUND
    result = run(fake.url, "campaign_action_metrics", "newsletter_content_metrics")
    assert result.exit_code == 0
    (action,) = result.records("campaign_action_metrics")
    assert (action["campaign_id"], action["action_id"]) == (4, 25)
    contents = result.records("newsletter_content_metrics")
    assert sorted((row["newsletter_id"], row["content_id"]) for row in contents) == [(3, 7), (3, 8)]
    assert len(fake.calls) == 6


def test_parents_that_were_not_touched_for_long_are_skipped_and_said(fake, caplog):
    fake.routes["/v1/newsletters"] = {
        "newsletters": [
            {"id": 1, "created": OLD, "updated": OLD, "sent_at": None},
            {"id": 2, "created": OLD, "updated": OLD, "sent_at": RECENT},
            {"id": 3, "created": OLD, "updated": RECENT},
            {"id": 4},
        ]
    }
    for number in (1, 2, 3, 4):
        fake.routes[f"/v1/newsletters/{number}/metrics"] = {"metric": {"series": {"sent": [1]}}}
    records = run(fake.url, "newsletter_metrics").records("newsletter_metrics")
    assert sorted(row["newsletter_id"] for row in records) == [2, 3, 4]
    assert "1 of 4 newsletters do not run and were not touched for 90 days" in caplog.text
    for days, expected in ((0, 4), (92, 4), (9, 1)):
        result = run(fake.url, "newsletter_metrics", metrics_parent_days=days)
        assert len(result.records("newsletter_metrics")) == expected


@pytest.mark.parametrize("kind", ["campaign", "broadcast"])
@pytest.mark.parametrize(
    ("sends", "is_read"),
    [
        ({"active": True, "state": "running"}, True),
        ({"active": True}, True),
        ({"state": "running"}, True),
        ({"active": False, "state": "stopped"}, False),
        ({"active": False, "state": "draft"}, False),
        ({}, False),
    ],
)
def test_what_runs_is_read_though_nobody_touched_it_for_long(fake, kind, sends, is_read):
    old = {"id": 1, "created": OLD, "updated": OLD, "actions": [{"id": 5}]}
    fake.routes[f"/v1/{kind}s"] = {f"{kind}s": [{**old, **sends}]}
    for path in (f"/v1/{kind}s/1", f"/v1/{kind}s/1/actions/5"):
        fake.routes[f"{path}/metrics"] = {"metric": {"series": {"sent": [1]}}}
    for stream in (f"{kind}_metrics", f"{kind}_action_metrics"):
        for parents in ((), (f"{kind}s",)):  # read for themselves as well, or not
            result = run(fake.url, *parents, stream)
            assert result.exit_code == 0
            assert bool(result.records(stream)) is is_read


def test_transactional_messages_send_as_long_as_they_are_there(fake):
    old = {"id": 3, "created_at": OLD, "updated_at": OLD}
    fake.routes["/v1/transactional"] = {"messages": [old]}
    fake.routes["/v1/transactional/3/metrics"] = {"metric": {"series": {"sent": [1]}}}
    for parents in ((), ("transactional_messages",)):
        result = run(fake.url, *parents, "transactional_metrics")
        assert len(result.records("transactional_metrics")) == 1


# Bookmarks


def test_the_bookmark_moves_only_when_all_parents_are_whole(fake):
    fake.routes["/v1/campaigns"] = {"campaigns": [{"id": 1}, {"id": 2}]}
    fake.routes["/v1/campaigns/1/metrics"] = {"metric": {"series": {"sent": [1]}}}
    fake.routes["/v1/campaigns/2/metrics"] = {"metric": 5}
    before = state("campaign_metrics", "2026-11-01T05:00:00Z")
    result = run(fake.url, "campaign_metrics", state=before)
    assert result.exit_code == 1
    assert result.bookmark("campaign_metrics")["replication_key_value"] == "2026-11-01T05:00:00Z"


def test_what_goes_on_after_a_cut_asks_for_the_same_time_and_not_again(fake):
    fake.routes["/v1/campaigns"] = {"campaigns": [{"id": 1}, {"id": 2}]}
    fake.routes["/v1/campaigns/1/metrics"] = {"metric": {"series": {"sent": [1]}}}
    fake.routes["/v1/campaigns/2/metrics"] = Reply(503, {})
    cut = run(fake.url, "campaign_metrics", max_concurrency=1)
    assert cut.exit_code == 1
    fake.routes["/v1/campaigns/2/metrics"] = {"metric": {"series": {"sent": [1]}}}
    with time_machine.travel(NOW + 600, tick=True):
        result = run(fake.url, "campaign_metrics", state=cut.state)
    assert [row["campaign_id"] for row in result.records("campaign_metrics")] == [2]
    assert fake.paths().count("/v1/campaigns/1/metrics") == 1
    asked, again = fake.queries("/v1/campaigns/2/metrics")
    assert asked == again
    assert set(result.bookmark("campaign_metrics")) == {"replication_key", "replication_key_value"}


# The simulated workspace


@pytest.mark.parametrize("resolution", ["hours", "days", "weeks", "months"])
def test_a_number_belongs_to_the_same_period_whichever_run_reads_it(
    customerio_simulator, resolution
):
    names = [stream.name for stream in STREAMS if stream.name.endswith("_metrics")]
    assert len(names) == 11
    simulator = customerio_simulator(people=20, campaigns=4, newsletters=4, now=NOW, rate_limit=0)
    settings = {
        "app_api_key": simulator.app_api_key,
        "metrics_resolution": resolution,
        "metrics_timezone": "Europe/Berlin",
        "metrics_parent_days": 0,
    }
    keys = {stream.name: stream.primary_keys for stream in STREAMS}
    found = []
    for moment in (NOW, NOW + 5 * times.DAY):
        simulator.clock(now=moment)
        with time_machine.travel(moment, tick=True):
            result = run(simulator.url, *names, **settings)
        assert result.exit_code == 0
        found.append({})
        for message in result.of("RECORD"):
            name, record = message["stream"], message["record"]
            counted = [record.get(series) for series in ("sent", "clicked", "started")]
            found[-1][(name, *(record[key] for key in keys[name]))] = counted
    # The period that was under way in the first run has gone on since.
    open_since = {
        name: max(key[-1] for key in found[0] if key[0] == name)
        for name in {key[0] for key in found[0]}
    }
    shared = [key for key in found[0].keys() & found[1].keys() if key[-1] < open_since[key[0]]]
    different = [key for key in shared if found[0][key] != found[1][key]]
    assert different == []
    compared = collections.Counter(key[0] for key in shared if any(found[0][key]))
    if resolution == "days":
        assert set(compared) == set(names)
