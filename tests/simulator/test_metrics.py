"""Metrics: both generations, their boundaries, and numbers that hold whichever request asks."""

from __future__ import annotations

import datetime as dt

import pytest

DAY, HOUR = 86_400, 3600
EST = dt.timezone(dt.timedelta(hours=-5))
PARENTS = (
    "campaigns/1", "campaigns/1/actions/1001", "broadcasts/1", "broadcasts/1/actions/1001",
    "newsletters/2", "newsletters/2/contents/21", "transactional/1",
)  # fmt: skip


def series(client, path, **parameters):
    version = {"version": 1} if path.startswith("campaigns") else {}
    body = client.get(f"/v1/{path}/metrics", **version, **parameters)
    return body["metric"]["series"]


def spanned(client, start, end, resolution="days", path="campaigns/1", **parameters):
    parameters |= {"version": 2, "start": start, "end": end, "res": resolution}
    return client.get(f"/v1/{path}/metrics", **parameters)["metric"]


@pytest.mark.parametrize("path", PARENTS)
def test_everything_has_metrics_and_links(client, path):
    rows = series(client, path)
    assert {len(values) for values in rows.values()} == {45}
    assert {"sent", "human_opened", "2xx", "topic_unsubscribed"} <= set(rows)
    assert sum(rows["sent"]) > 0
    links = client.get(f"/v1/{path}/metrics/links", period="weeks")["links"]
    assert [each["link"]["id"] for each in links] == [1, 2, 3]
    assert len(links[0]["metric"]["series"]["clicked"]) == 12
    assert links[0] != links[1]


@pytest.mark.parametrize(
    ("period", "steps", "count"),
    [("hours", None, 24), ("days", None, 45), ("weeks", None, 12), ("months", None, 12),
     ("days", 0, 45), ("months", 0, 120), ("hours", 999, 24), ("days", 7, 7)],
)  # fmt: skip
def test_steps_have_documented_defaults_and_maxima(client, period, steps, count):
    wanted = {} if steps is None else {"steps": steps}
    assert len(series(client, "broadcasts/1", period=period, **wanted)["sent"]) == count


def test_quirk_40_one_step_returns_two(client):
    assert len(series(client, "broadcasts/1", steps=1)["sent"]) == 2


def test_quirk_40_the_version_is_required_on_campaigns_alone(client):
    for path in ("campaigns/1", "campaigns/1/actions/1001"):
        for version in ({}, {"version": "3"}, {"version": ""}):
            assert client.ask(f"/v1/{path}/metrics", **version).status_code == 400
    assert client.ask("/v1/broadcasts/1/metrics").status_code == 200


@pytest.mark.parametrize(
    ("path", "parameters"),
    [
        ("newsletters/1/metrics", {"period": "years"}),
        ("newsletters/1/metrics", {"steps": "many"}),
        ("newsletters/1/metrics", {"steps": -1}),
        ("newsletters/1/metrics", {"type": "pigeon"}),
        ("campaigns/1/metrics", {"version": 2, "res": "years"}),
        ("campaigns/1/metrics", {"version": 2, "tz": "Nowhere/Land"}),
        ("campaigns/1/metrics", {"version": 2, "start": 9, "end": 1}),
        ("campaigns/1/metrics", {"version": 2, "start": 0, "end": 11 * 366 * DAY}),
        ("campaigns/1/metrics", {"version": 2, "start": -5}),
        ("campaigns/1/journey_metrics", {"start": 1, "end": 2}),
        ("campaigns/1/journey_metrics", {"start": 1, "res": "days"}),
        ("campaigns/1/journey_metrics", {"end": 1, "res": "days"}),
    ],
)
def test_what_makes_no_sense_is_a_bad_request(client, path, parameters):
    assert client.ask(f"/v1/{path}", **parameters).status_code == 400


@pytest.mark.parametrize(
    "path", ["campaigns/99", "campaigns/1/actions/9999", "newsletters/1/contents/19"]
)
def test_the_metrics_of_nothing_are_not_found(client, path):
    assert client.ask(f"/v1/{path}/metrics", version=1).status_code == 404


def test_quirk_40_days_begin_at_midnight_est_in_summer_too(client, now):
    local = dt.datetime.fromtimestamp(now, EST)
    midnight = int(local.replace(hour=0, minute=0, second=0).timestamp())
    rows = series(client, "transactional/1", steps=3)["sent"]
    begins = [midnight + n * DAY for n in (-2, -1, 0)]
    told = [
        client.simulator.metric("transactional/1", "sent", begin, begin + DAY) for begin in begins
    ]
    assert rows == told
    assert client.simulator.metric("transactional/1", "sent", midnight, now) == rows[-1]


def test_weeks_begin_on_sunday_and_months_on_the_first(client, now):
    local = dt.datetime.fromtimestamp(now, EST).replace(hour=0, minute=0, second=0)
    sunday = int((local - dt.timedelta(days=local.isoweekday() % 7)).timestamp())
    first = int(local.replace(day=1).timestamp())
    for period, begin in (("weeks", sunday), ("months", first)):
        present = series(client, "campaigns/1", period=period, steps=2)["delivered"][-1]
        assert present == client.simulator.metric("campaigns/1", "delivered", begin, now)


def test_a_days_number_is_the_same_whoever_asks(client, now):
    days = series(client, "campaigns/1")["sent"]
    assert len(set(days[-20:-1])) > 5
    assert series(client, "campaigns/1", steps=10)["sent"] == days[-10:]
    since = (now - 5 * HOUR) // DAY * DAY + 5 * HOUR - 10 * DAY
    body = spanned(client, since, since + 7 * DAY)
    assert int(dt.datetime.fromisoformat(body["start"]).timestamp()) == since
    assert body["series"]["sent"] == days[-11:-4]
    client.simulator.clock(advance=3 * DAY)
    assert spanned(client, since, since + 7 * DAY) == body


def test_hours_add_up_to_their_day_and_days_to_their_week(client, now):
    for zone in ("Europe/Paris", "America/New_York", "Asia/Kathmandu"):
        week = spanned(client, now - 20 * DAY, now - 20 * DAY, "weekly", tz=zone)
        begin, end = (
            int(dt.datetime.fromisoformat(week[name]).timestamp()) for name in ("start", "end")
        )
        for resolution, least in (("daily", 7), ("hourly", 167)):
            parts = spanned(client, begin, end, resolution, tz=zone)
            assert len(parts["series"]["sent"]) >= least
            for name, (whole,) in week["series"].items():
                assert sum(parts["series"][name]) == whole


def test_quirk_40_the_second_generation_takes_a_zone_and_says_what_it_counted(client):
    start = int(dt.datetime(2026, 8, 10, 15, tzinfo=dt.timezone.utc).timestamp())
    body = spanned(client, start, start + 2 * DAY, tz="Europe/Paris")
    assert (body["start"], body["end"], body["res"]) == (
        "2026-08-10T00:00:00+02:00", "2026-08-13T00:00:00+02:00", "days",
    )  # fmt: skip
    plain = spanned(client, start, start)
    assert plain["start"] == "2026-08-10T00:00:00-05:00"


def test_a_day_without_daylight_saving_has_25_hours(client):
    start = int(dt.datetime(2025, 10, 26, 10, tzinfo=dt.timezone.utc).timestamp())
    day = spanned(client, start, start, tz="Europe/Paris")
    begin, end = (
        int(dt.datetime.fromisoformat(day[name]).timestamp()) for name in ("start", "end")
    )
    assert end - begin == 25 * HOUR


def test_nothing_happened_before_the_parent_was_made_and_after_now(client, now):
    created = client.get("/v1/campaigns/1")["campaign"]["created"]
    assert sum(spanned(client, created - 9 * DAY, created - 2 * DAY)["series"]["sent"]) == 0
    assert sum(spanned(client, now + 2 * DAY, now + 9 * DAY)["series"]["sent"]) == 0


def test_unique_clicks_are_fewer(client):
    path = "/v1/newsletters/2/metrics/links"
    every, unique = (
        client.get(path, steps=5, unique=flag)["links"][0]["metric"]["series"]["clicked"]
        for flag in ("false", "true")
    )
    assert all(0 <= few <= many for few, many in zip(unique, every, strict=True))
    assert sum(unique) < sum(every)
    assert client.simulator.metric("newsletters/2/links/1", "clicked", 0, 2**34) >= sum(every)


def test_a_type_has_numbers_of_its_own(client):
    whole = series(client, "campaigns/1")
    assert series(client, "campaigns/1", type="email") != whole
    assert series(client, "campaigns/1", type="") == whole


def test_quirk_41_journeys_take_either_name_of_the_resolution(client, now):
    path, span = "/v1/campaigns/1/journey_metrics", {"start": now - 9 * DAY, "end": now}
    first = client.get(path, **span, res="daily")
    assert first == client.get(path, **span, resolution="days")
    assert set(first["journey_metric"]) == {
        "started", "activated", "exited_early", "finished", "converted", "never_activated",
        "messaged",
    }  # fmt: skip
    values = first["journey_metric"]["started"]
    assert len(values) == 10
    assert values[-1] == client.simulator.metric(
        "campaigns/1/journeys", "started", (now - 5 * HOUR) // DAY * DAY + 5 * HOUR, now
    )


def test_another_seed_counts_otherwise(serve):
    first, again, other = (series(serve(seed=seed), "newsletters/1") for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_the_control_endpoint_knows_no_metric_of_nothing(client):
    from customerio_simulator import ControlError

    for path, name in (("campaigns/99", "sent"), ("shoes/1", "sent"), ("campaigns/1", "worn")):
        with pytest.raises(ControlError, match=r"no metric"):
            client.simulator.metric(path, name, 0, 1)
