"""Quirks 34 to 39: windows, order, and what changes later."""

from __future__ import annotations

DAY = 86_400
SIX_MONTHS = 180 * DAY


def messages(client, **parameters):
    return client.rows("/v1/messages", "messages", limit=1000, **parameters)


def created(rows):
    return [row["created"] for row in rows]


def test_quirk_34_without_bounds_the_last_six_months(client, now):
    times = created(messages(client))
    assert now - SIX_MONTHS <= min(times) <= now - SIX_MONTHS + 4 * DAY
    assert max(times) <= now


def test_quirk_34_a_wide_window_is_narrowed_to_the_newest_six_months(client, now):
    assert messages(client, start_ts=now - 399 * DAY, end_ts=now) == messages(client)


def test_quirk_34_a_lone_old_start_moves_forward(client, now):
    assert messages(client, start_ts=now - 390 * DAY) == messages(client)


def test_quirk_34_a_lone_end_reaches_six_months_back(client, now):
    end = now - 200 * DAY
    times = created(messages(client, end_ts=end))
    assert end - SIX_MONTHS <= min(times) <= end - SIX_MONTHS + 4 * DAY
    assert max(times) <= end


def test_the_whole_history_is_there_window_by_window(serve, now):
    client = serve(messages=400)
    rows = []
    for nth in range(60):
        end = now - nth * 7 * DAY
        rows += messages(client, start_ts=end - 7 * DAY + 1, end_ts=end)
    assert len({row["id"] for row in rows}) == len(rows) == 400


def test_quirk_36_both_bounds_are_inclusive(client):
    row = messages(client)[50]
    at = row["created"]
    assert row in messages(client, start_ts=at, end_ts=at)
    assert row not in messages(client, start_ts=at - DAY, end_ts=at - 1)
    assert row not in messages(client, start_ts=at + 1, end_ts=at + DAY)


def test_rows_share_a_second(client):
    at = messages(client)[60]["created"]
    assert len(messages(client, start_ts=at, end_ts=at)) == 3


def test_newest_first(client):
    times = created(messages(client))
    assert times == sorted(times, reverse=True)


def test_quirk_37_metrics_arrive_later_and_move_deduplicate_id(client, now):
    before = {row["id"]: row for row in messages(client)}
    client.simulator.clock(advance=20 * DAY)
    window = {"start_ts": now - 60 * DAY, "end_ts": now}
    after = {row["id"]: row for row in messages(client, **window)}
    changed = [row for key, row in after.items() if row["metrics"] != before[key]["metrics"]]
    assert changed
    for row in changed:
        assert row["created"] == before[row["id"]]["created"]
        assert row["deduplicate_id"] == f"{row['id']}:{max(row['metrics'].values())}"
        assert row["deduplicate_id"] != before[row["id"]]["deduplicate_id"]


def test_metrics_never_lie_in_the_future(client, now):
    assert all(time <= now for row in messages(client) for time in row["metrics"].values())


def test_deliveries_by_parent_type_and_metric(client):
    rows = messages(client)
    for name in ("campaign_id", "newsletter_id", "action_id"):
        value = next(row[name] for row in rows if row[name])
        assert messages(client, **{name: value}) == [row for row in rows if row[name] == value]
    template = next(row["transactional_message_id"] for row in rows if row["campaign_id"] is None)
    assert messages(client, type="push") == [row for row in rows if row["type"] == "push"]
    assert messages(client, metric="clicked") == [
        row for row in rows if "clicked" in row["metrics"]
    ]
    assert messages(client, transactional_id=template or 1)


def test_each_delivery_has_one_parent(client):
    families = ("campaign_id", "newsletter_id", "broadcast_id", "transactional_message_id")
    for row in messages(client):
        assert sum(row[family] is not None for family in families) == 1


def test_tracked_responses_only_on_request(client):
    plain, tracked = messages(client), messages(client, get_tracked_responses="true")
    assert not any("tracked_responses" in row for row in plain)
    assert all("tracked_responses" in row for row in tracked)


def test_bounds_that_are_no_numbers_are_a_bad_request(client):
    assert client.ask("/v1/messages", start_ts="yesterday").status_code == 400


def activities(client, **parameters):
    return client.rows("/v1/activities", "activities", limit=100, **parameters)


def test_quirk_38_some_activities_lie_in_the_future_and_some_are_out_of_order(client, now):
    times = [row["timestamp"] for row in activities(client, deleted="true")]
    assert sum(time > now for time in times) == 2
    assert times != sorted(times, reverse=True)
    late = [first - second for first, second in zip(times[1:], times, strict=False)]
    assert 0 < max(late) <= 60
    assert len(set(times)) < len(times)
    assert now - min(times) > 30 * DAY


def test_quirk_38_time_parameters_are_ignored(client, now):
    assert activities(client, start_ts=now, end_ts=now) == activities(client)


def test_activities_of_deleted_people_only_on_request(client):
    without, everything = activities(client), activities(client, deleted="true")
    assert len(everything) == 500
    gone = [row for row in everything if set(row["customer_identifiers"]) == {"cio_id"}]
    assert len(gone) == 25
    assert without == [row for row in everything if row not in gone]
    assert not any("deleted" in row for row in everything)


def test_activities_by_type_name_and_person(client):
    rows = activities(client)
    assert activities(client, type="event") == [row for row in rows if row["type"] == "event"]
    login = [row for row in rows if row.get("name") == "login"]
    assert activities(client, name="login") == login
    known = next(row for row in login if len(row["customer_identifiers"]) == 3)
    for id_type in ("id", "cio_id", "email"):
        value = known["customer_identifiers"][id_type]
        expected = [row for row in rows if row["customer_identifiers"].get(id_type) == value]
        assert activities(client, customer_id=value, id_type=id_type) == expected


def test_activities_can_be_padded(serve):
    rows = activities(serve(activity_bytes=900, activities=300))
    sizes = [len(str(row)) for row in rows]
    assert 800 < sum(sizes) / len(sizes) < 1000


def test_without_a_given_time_the_clock_follows_real_time(serve):
    import time

    before = int(time.time())
    client = serve(now=None)
    assert before <= client.simulator.now() <= time.time()
