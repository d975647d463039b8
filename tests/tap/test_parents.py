"""The lists that streams fan out from: asked once, together, and for those who need them."""

from __future__ import annotations

import threading

import pytest

from tap_customerio.tap import TapCustomerIO

from .conftest import Reply, configuration, run

METRIC = {"metric": {"series": {"sent": [1]}}}
LISTS = {
    "/v1/campaigns": {"campaigns": [{"id": 1, "actions": [{"id": 5}]}]},
    "/v1/newsletters": {"newsletters": [{"id": 2}]},
    "/v1/transactional": {"messages": [{"id": 3}]},
}
METRICS = ("campaign_metrics", "campaign_action_metrics", "newsletter_metrics",
           "newsletter_link_metrics", "transactional_metrics")  # fmt: skip
FORBIDDEN = Reply(403, {"errors": [{"detail": "forbidden", "status": "403"}]})
FAULTY = Reply(200, {"messages": [{"id": 3}, "no object"]})


@pytest.fixture
def parents(fake):
    fake.routes.update(LISTS)
    for path in ("campaigns/1", "campaigns/1/actions/5", "newsletters/2", "transactional/3"):
        fake.routes[f"/v1/{path}/metrics"] = METRIC
    fake.routes["/v1/newsletters/2/metrics/links"] = {"links": None}
    return fake


def meet(fake, *paths):
    """Answer none of these before all of them were asked."""
    barrier = threading.Barrier(len(paths), timeout=20)

    def after_all(reply):
        def answer(_query):
            barrier.wait()
            return reply

        return answer

    for path in paths:
        fake.routes[path] = after_all(fake.routes[path])


def table(caplog):
    return {line.split()[0]: line.split()[1:3] for line in caplog.messages if "  " in line}


def test_all_that_are_needed_are_listed_at_the_same_time_and_once(parents, caplog):
    caplog.set_level("INFO")
    meet(parents, *LISTS)
    result = run(parents.url, *METRICS)
    assert result.exit_code == 0
    assert [parents.paths().count(path) for path in LISTS] == [1, 1, 1]
    assert len(result.of("RECORD")) == 4
    # What nobody selected is not emitted, and leaves nothing in the state.
    assert {message["stream"] for message in result.of("SCHEMA")} == set(METRICS)
    assert set(result.state["bookmarks"]) == set(METRICS)
    assert {name: table(caplog)[name] for name in ("campaigns", "newsletters", *METRICS)} == {
        "campaigns": ["1", "1"], "newsletters": ["1", "1"], "campaign_metrics": ["1", "1"],
        "campaign_action_metrics": ["1", "1"], "newsletter_metrics": ["1", "1"],
        "newsletter_link_metrics": ["0", "1"], "transactional_metrics": ["1", "1"],
    }  # fmt: skip


def test_the_calls_of_lists_that_are_read_together_are_counted_for_each(parents, caplog):
    caplog.set_level("INFO")
    pages = {"": {"newsletters": [{"id": 2}], "next": "a"}, "a": {"newsletters": [], "next": ""}}
    parents.routes["/v1/newsletters"] = lambda query: pages[query.get("start", "")]
    assert run(parents.url, *METRICS).exit_code == 0
    found = table(caplog)
    assert (found["campaigns"], found["newsletters"]) == (["1", "1"], ["1", "2"])
    assert sum(int(calls) for _, calls in (found[name] for name in found if name != "stream")) == (
        len(parents.calls)
    )


def test_what_is_read_for_itself_is_not_listed_before_its_turn(parents):
    meet(parents, "/v1/campaigns", "/v1/transactional")
    result = run(parents.url, "newsletters", *METRICS)
    assert result.exit_code == 0
    assert [parents.paths().count(path) for path in LISTS] == [1, 1, 1]
    assert len(result.records("newsletters")) == 1


def test_what_nobody_needs_is_not_listed(parents):
    assert run(parents.url, "campaign_metrics").exit_code == 0
    assert parents.paths() == ["/v1/campaigns", "/v1/campaigns/1/metrics"]


@pytest.mark.parametrize(
    ("path", "reply", "failed"),
    [
        ("/v1/newsletters", FORBIDDEN, {"newsletter_metrics", "newsletter_link_metrics"}),
        ("/v1/transactional", FAULTY, {"transactional_metrics"}),
        ("/v1/campaigns", Reply(500, b""), {"campaign_metrics", "campaign_action_metrics"}),
    ],
    ids=["403", "faulty row", "500"],
)
def test_a_list_that_fails_ends_those_who_need_it_and_no_others(
    parents, caplog, path, reply, failed
):
    parents.routes[path] = reply
    result = run(parents.url, *METRICS)
    assert result.exit_code == 1
    assert parents.paths().count(path) == 1
    for stream in METRICS:
        assert (f"Stream '{stream}' ended with an error" in caplog.text) is (stream in failed)
        assert ("progress_markers" in result.bookmark(stream)) is (stream in failed)


def test_a_refused_key_ends_the_run_whichever_list_meets_it(parents, caplog):
    parents.routes["/v1/transactional"] = Reply(401, {})
    result = run(parents.url, *METRICS)
    assert result.exit_code == 1
    assert result.of("RECORD") == []
    assert caplog.text.count("refused the App API key") == 1


def test_a_parent_of_a_parent_is_listed_with_the_others(parents):
    parents.routes["/v1/broadcasts"] = {"broadcasts": [{"id": 7}]}
    parents.routes["/v1/broadcasts/7/triggers"] = {"triggers": [{"id": 8}]}
    parents.routes["/v1/campaigns/7/triggers/8/errors"] = {"errors": ["it failed"]}
    meet(parents, "/v1/broadcasts", "/v1/campaigns")
    result = run(parents.url, "broadcast_trigger_errors", "campaign_metrics")
    assert result.exit_code == 0
    assert [
        len(result.records(name)) for name in ("broadcast_trigger_errors", "campaign_metrics")
    ] == [1, 1]
    assert parents.paths().count("/v1/broadcasts/7/triggers") == 1


def test_lists_that_the_configuration_defines_are_listed_with_the_others(parents):
    things = {"name": "things", "path": "/v1/things", "primary_keys": ["id"],
              "records_path": "things"}  # fmt: skip
    parts = {"name": "parts", "path": "/v1/things/{id}/parts", "primary_keys": ["id"],
             "records_path": "parts", "parent": "things"}  # fmt: skip
    parents.routes["/v1/things"] = {"things": [{"id": 9}]}
    parents.routes["/v1/things/9/parts"] = {"parts": [{"a": 1}]}
    meet(parents, "/v1/things", "/v1/campaigns")
    catalog = TapCustomerIO(
        config=configuration(parents.url, custom_streams=[things, parts])
    ).catalog_dict
    for entry in catalog["streams"]:
        (root,) = [part for part in entry["metadata"] if not part["breadcrumb"]]
        root["metadata"]["selected"] = entry["stream"] in {"campaign_metrics", "parts"}
    result = run(parents.url, catalog=catalog, custom_streams=[things, parts])
    assert result.exit_code == 0
    assert result.records("parts") == [{"id": 9, "record": {"a": 1}}]


def defined(fake, parent, **child):
    """Run one stream that the configuration defines as fanning out from another."""
    parts = {"name": "parts", "primary_keys": ["part"], "records_path": "parts", "parent": parent}
    config = {"custom_streams": [{**parts, **child}]}
    catalog = TapCustomerIO(config=configuration(fake.url, **config)).catalog_dict
    for entry in catalog["streams"]:
        (root,) = [part for part in entry["metadata"] if not part["breadcrumb"]]
        root["metadata"]["selected"] = entry["stream"] == "parts"
    return run(fake.url, catalog=catalog, **config)


def test_a_parent_whose_pages_open_other_calls_is_listed_as_well(fake, caplog):
    caplog.set_level("INFO")
    fake.routes["/v1/customers"] = {"identifiers": [{"cio_id": "c1"}]}
    fake.routes["/v1/customers/attributes"] = {"customers": [{"identifiers": {"cio_id": "c1"}}]}
    fake.routes["/v1/customers/c1/parts"] = {"parts": [{"part": 1}]}
    result = defined(fake, "people", path="/v1/customers/{cio_id}/parts")
    assert result.exit_code == 0
    assert len(result.records("parts")) == 1
    assert table(caplog)["people"] == ["1", "2"]


@pytest.mark.parametrize("parent", ["messages", "activities", "campaign_metrics"])
def test_a_parent_that_is_listed_for_others_moves_no_bookmark(fake, parent):
    moment = 1_790_000_000
    fake.routes["/v1/messages"] = {"messages": [{"id": "a", "created": moment}]}
    fake.routes["/v1/activities"] = {"activities": [{"id": "a", "timestamp": moment}]}
    fake.routes["/v1/campaigns"] = {"campaigns": [{"id": "1"}]}
    fake.routes["/v1/campaigns/1/metrics"] = METRIC
    key = {"campaign_metrics": "campaign_id"}.get(parent, "id")
    fake.routes["/v1/things/a"] = fake.routes["/v1/things/1"] = {"parts": [{"part": 1}]}
    result = defined(fake, parent, path=f"/v1/things/{{{key}}}")
    assert result.exit_code == 0
    assert result.records("parts")
    assert set(result.state["bookmarks"]) == {"parts"}
