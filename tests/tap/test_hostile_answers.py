"""Answers that are wrong in any way: one sentence that names the stream, and the others go on."""

from __future__ import annotations

import functools
import gzip
import itertools
import json
import logging
import subprocess
import sys
import typing as t
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tap_customerio.retries import parse_retry_after
from tap_customerio.streams import STREAMS

from .conftest import HTML, KEY, FakeApi, Reply, configuration, run, selection

CANARY = "cAnArY"
"""Stands in every value: no line of the log may hold it."""
HEALTHY = "snippets"
NAMES = sorted({"id", "next", *(name for one in STREAMS for name in one.schema["properties"])})
ENVELOPES = sorted({one.rows for one in STREAMS} - {"$"} | {"object", "series", "metric", "links"})


@pytest.fixture(scope="module")
def server() -> t.Iterator[FakeApi]:
    found = FakeApi()
    yield found
    found.close()


class Lines(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, entry: logging.LogRecord) -> None:
        self.lines.append(f"{entry.levelname} {entry.getMessage()}")


@functools.cache
def catalog_of(stream: str) -> str:
    return json.dumps(selection(stream, HEALTHY))


def read(server: FakeApi, stream: str, replies: t.Sequence[Reply], **settings: t.Any):
    """Run the tap against replies that come in turns, and return what it wrote and logged."""
    turns = iter(range(1_000_000))

    class Routes(dict):
        def get(self, path: str, _: object = None) -> t.Any:
            if path == f"/v1/{HEALTHY}":
                return {HEALTHY: [{"name": "healthy"}]}
            return replies[next(turns) % len(replies)]

    server.routes, server.calls = Routes(), []
    root, handler = logging.getLogger(), Lines()
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        done = run(server.url, catalog=json.loads(catalog_of(stream)), **settings)
    finally:
        root.removeHandler(handler)
        root.setLevel(logging.WARNING)
    return done, handler.lines


def problems(stream: str, lines: t.Sequence[str]) -> list[str]:
    start = f"ERROR Stream '{stream}' ended with an error: "
    return [line.removeprefix(start) for line in lines if line.startswith(start)]


def check_singer(messages: t.Sequence[dict[str, t.Any]]) -> None:
    """Hold records against the SCHEMA that came before them."""
    validators: dict[str, t.Any] = {}
    for message in messages:
        if message["type"] == "SCHEMA":
            validators[message["stream"]] = jsonschema.Draft202012Validator(message["schema"])
            keys = message["key_properties"]
        elif message["type"] == "RECORD":
            validators[message["stream"]].validate(message["record"])
            assert all(message["record"][key] is not None for key in keys)


NUMBERS = st.sampled_from(
    [
        *("0", "-1", "1", "1.0", "1.5", "9" * 20, "9" * 4_000, "9" * 5_000, "1E400", "1e999999"),
        *("1e999999999", "-1e999999999999999999999", "1E-999999", "1795000000", "1795000000123"),
    ]
)
TEXTS = st.one_of(
    st.text(max_size=5),
    st.sampled_from(
        [
            *(
                "",
                "nil",
                "\x00",
                "\x1b[31m",
                "1795000000",
                "1e999999",
                "NaN",
                "-Infinity",
                "9" * 5_000,
            ),
            *("2026-11-21T20:14:03Z", "9999-12-31T23:59:59-23:59", '{"a":1e400}', "[" * 10_000),
        ]
    ),
).map(lambda text: json.dumps(text + CANARY if text.isalpha() else text))


def deep(depth: int, opens: str, closes: str) -> str:
    return opens * depth + "1" + closes * depth


DEEP = st.builds(deep, st.sampled_from([100, 500, 900, 10_000]), st.just("["), st.just("]"))
DEEPER = st.builds(deep, st.sampled_from([100, 500, 10_000]), st.just('{"a":'), st.just("}"))


def objects(values):
    members = st.tuples(st.sampled_from(NAMES).map(json.dumps), values).map(":".join)
    return st.lists(members, max_size=5).map(lambda found: "{" + ",".join(found) + "}")


VALUES = st.recursive(
    NUMBERS | TEXTS | st.sampled_from(["null", "true", "false"]),
    lambda inner: (
        st.lists(inner, max_size=2).map(lambda found: f"[{','.join(found)}]") | objects(inner)
    ),
    max_leaves=4,
)
ANY_VALUE = st.one_of(VALUES, VALUES, DEEP | DEEPER)
IDS = st.one_of(st.integers(1, 9).map(str), st.integers(1, 9).map(str), ANY_VALUE)
ROWS = st.one_of(
    st.builds(
        lambda id_, rest: f'{{"id":{id_},"name":"x","cio_id":{id_},{rest[1:]}',
        IDS,
        objects(ANY_VALUE).filter(lambda rest: rest != "{}"),
    ),
    objects(ANY_VALUE),
    ANY_VALUE,
)
LISTS = st.one_of(st.lists(ROWS, max_size=3).map(lambda rows: f"[{','.join(rows)}]"), ANY_VALUE)
TOKENS = st.one_of(st.sampled_from(["null", '""', '"again"', "0", "7", "{}", "[]", "true"]), VALUES)
BODIES = st.one_of(
    st.builds(
        lambda rows, token: (
            f'{{"next":{token},{",".join(f"{json.dumps(name)}:{rows}" for name in ENVELOPES)}}}'
        ),
        LISTS,
        TOKENS,
    ),
    ANY_VALUE,
).map(lambda text: text.encode(errors="surrogatepass"))
REPLIES = st.one_of(
    st.builds(Reply, st.just(200), BODIES),
    st.builds(Reply, st.just(200), BODIES),
    st.builds(
        lambda body, end: Reply(200, body[: max(1, end * len(body) // 100)]),
        BODIES,
        st.integers(0, 99),
    ),
    st.builds(Reply, st.sampled_from([204, 302, 400, 403, 404, 418, 429, 500, 999]), BODIES),
    st.sampled_from(
        [
            *(
                Reply(200, HTML, {"Content-Type": "text/html"}),
                Reply(200, b""),
                Reply(200, b"\xff"),
            ),
            *(Reply(200, b"{", {"Content-Encoding": "gzip"}), Reply(200, b'{"\xff":1}')),
            *(Reply(302, b"", {"Location": "http://["}), Reply(302, b"", {"Location": "\xff"})),
            *(
                Reply(429, b"", {"Retry-After": "9" * 5_000}),
                Reply(429, b"", {"Retry-After": "-1"}),
            ),
        ]
    ),
)
READ = st.sampled_from([one.name for one in STREAMS if one.name != HEALTHY])


@given(READ, st.lists(REPLIES, min_size=1, max_size=4))
def test_any_answers_end_in_records_or_in_one_sentence(server, stream, replies):
    done, lines = read(server, stream, replies)
    ended = problems(stream, lines)
    assert [one["name"] for one in done.records(HEALTHY)] == ["healthy"]
    assert done.exit_code == len(ended) <= 1, lines
    assert "unexpected" not in "".join(ended), ended
    log = "\n".join(lines)
    assert CANARY not in log
    assert KEY not in log
    assert "Traceback" not in log
    assert done.text.endswith("\n")
    check_singer(done.messages)


ROW = '{"segments":[{"id":1,"name":"written"},{"id":2,%s}]}'


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b"", "a body that is no whole JSON object"),
        (b'{"segments":[{"id":1,"name":"wri', "a body that is no whole JSON object"),
        (b'{"segments":[{"id":1,"x":NaN}]}', "a body that is no whole JSON object"),
        (b'{"segments":[{"id":1,"name":"\\ud800"}]}', "a body that is no whole JSON object"),
        (b'{"\xff":1,"segments":[]}', "a body that is no whole JSON object"),
        (b"[" * 100_000, "a body that is no whole JSON object"),
        (b"[1]", "an array where an object should be"),
        (b'{"segments":{}}', "no list under `segments`"),
        (b'{"segments":["written"]}', "a row that is no object"),
        (b'{"segments":[{"id":1}],"next":{}}', "an unknown kind of `next`"),
        (b'{"segments":[{"id":1,"name":"\xff"}]}', "a row that cannot be read as JSON"),
        (ROW.encode() % b'"x":1e9999999999999999999', "a row that cannot be read as JSON"),
        (ROW.encode() % (b'"x":' + b"9" * 5_000), "a row that cannot be read as JSON"),
        (ROW.encode() % b'"id":1e999999999', "a record has no usable value in its key property"),
        (ROW.encode() % b'"id":{}', "a record has no usable value in its key property"),
        (ROW.encode() % (b'"x":[%s1]' % (b"1," * 500_000)), "a row of more than 500,000 values"),
    ],
    ids=range(16),
)
def test_a_strange_body_ends_its_stream_alone(server, body, text):
    done, lines = read(server, "segments", [Reply(200, body)])
    (problem,) = problems("segments", lines)
    assert text in problem
    assert done.exit_code == 1
    assert len(done.records("segments")) == body.count(b"written", 0, len(ROW)) * (
        b'{"id":2' in body
    )
    assert [one["name"] for one in done.records(HEALTHY)] == ["healthy"]


PARENTS = {
    "/v1/segments": {"segments": [{"id": 1}]},
    "/v1/broadcasts": {"broadcasts": [{"id": 1}]},
    "/v1/broadcasts/1/triggers": {"triggers": [{"id": 1}]},
    "/v1/object_types": {"types": [{"id": "1"}]},
}
NESTED = b'{"a":' * 100_000 + b"1" + b"}" * 100_000
"""Deeper than any Python follows: from 3.12 on they go ten times as deep as before."""
NO_TEXT = b'"\xed\xa0\x80"'
"""Half of a pair of surrogates, which no UTF-8 has."""
FORMS = {
    ("segment_usage", "/v1/segments/1/used_by", b'{"used_by":%s}'): (b"5", b'"x"', b"[1]", NESTED),
    ("optouts", "/v1/optouts", b'{"optouts":[%s]}'): (b"5", b'"x"', b"[1]", NO_TEXT, NESTED),
    ("optouts", "/v1/optouts", b'{"optouts":[{"cio_id":"a","optouts":%s}]}'): (
        b"5", b'"x"', b"[5]", b"[null]", b'{"a":1}', NO_TEXT, NESTED,
    ),
    ("activities", "/v1/activities", b'{"next":"a","activities":[%s]}'): (
        b"5", b'"x"', b"[1]", NO_TEXT, NESTED,
    ),
    ("broadcast_trigger_errors", "/v1/campaigns/1/triggers/1/errors", b'{"errors":[%s]}'): (
        NO_TEXT, NESTED,
    ),
    ("objects", "/v1/objects", b'{"identifiers":[%s]}'): (b"5", b'"x"', b"[1]", NO_TEXT, NESTED),
}  # fmt: skip


@pytest.mark.parametrize(
    ("stream", "path", "body"),
    [(*place[:2], place[2] % wrong) for place, found in FORMS.items() for wrong in found],
    ids=itertools.count(),
)
def test_a_part_in_another_form_is_said_to_be_one(fake, caplog, stream, path, body):
    fake.routes = {**PARENTS, path: Reply(200, body)}
    done = run(fake.url, stream, start_date="2026-01-01")
    assert (done.exit_code, done.records(stream)) == (1, [])
    assert f"Stream '{stream}' ended with an error: " in caplog.text
    assert " answered 200 with " in caplog.text


@pytest.mark.parametrize("attributes", [5, "x", [1], {"cio_subscription_preferences": "[" * 5_000}])
def test_preferences_that_are_none_are_null(fake, attributes):
    fake.routes = {
        "/v1/customers": {"identifiers": [{"cio_id": "a"}]},
        "/v1/customers/attributes": {"customers": [{"cio_id": "a", "attributes": attributes}]},
    }
    done = run(fake.url, "people_subscription_preferences")
    assert done.exit_code == 0
    (found,) = done.records("people_subscription_preferences")
    assert (found["cio_id"], found["chosen"], found["computed"]) == ("a", None, None)


@pytest.mark.parametrize(
    ("member", "name", "value"),
    [
        ('"progress":1e999999999', "progress", None),
        ('"progress":1e300', "progress", 10**300),
        ('"conditions":"[[[%s"' % ("[" * 10_000), "conditions", None),
        ('"conditions":"{\\"a\\":0.1000}"', "conditions", {"a": 0.1}),
        ('"name":{"a":1.50}', "name", '{"a":1.50}'),
        ('"created_at":"1e999999"', "created_at", None),
        ('"name":"%s"' % (',\\",' * 400_000), "name", ',",' * 400_000),
        ('"x":[%s1]' % ("1," * 499_000), "x", [1] * 499_001),
    ],
)
def test_a_value_that_no_type_can_hold_is_null_and_ends_nothing(server, member, name, value):
    done, _ = read(server, "segments", [Reply(200, (ROW % member).encode())])
    assert done.exit_code == 0
    assert done.records("segments")[1][name] == value


@pytest.mark.parametrize(
    "header",
    ["9" * 5_000, "-1", "abc", "1e9", "\xff", "Fri, 31 Dec 99999999999999 23:59:59 GMT"],
)
def test_no_retry_after_is_a_crash(header):
    assert parse_retry_after(header) is None


@pytest.mark.parametrize("location", ["http://[", "\xff\xfe", "", "//a:999999/", "http://\x01"])
def test_where_a_redirect_leads_is_not_even_read(server, location):
    _, lines = read(server, "segments", [Reply(302, b"", {"Location": location})])
    (problem,) = problems("segments", lines)
    assert "GET /v1/segments answered 302: a redirect, which is never followed" in problem


def test_a_header_that_is_none_says_nothing_in_the_log(server):
    reply = Reply(200, b'{"segments":[{"id":1}]}', {"\0": CANARY})
    done, lines = read(server, "segments", [reply])
    assert (done.exit_code, len(done.records("segments"))) == (0, 1)
    assert [line for line in lines if CANARY in line or server.url in line] == []


def test_what_unpacks_without_end_is_not_unpacked(server, monkeypatch):
    monkeypatch.setattr("tap_customerio.api.LARGEST_BODY", 2_000_000)
    done, lines = read(server, "segments", [Reply(200, packed(1_000_000), PACKED)])
    assert (len(done.records("segments")), problems("segments", lines)) == (1, [])
    done, lines = read(server, "segments", [Reply(200, packed(3_000_000), PACKED)])
    (problem,) = problems("segments", lines)
    assert "answered 200 with more than 2,000,000 bytes" in problem
    assert done.records("segments") == []


PACKED = {"Content-Encoding": "gzip"}
MEASURED = """
import resource, subprocess, sys
code = subprocess.call(sys.argv[1:])
print(code, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr)
"""
"""Between the tests and the command, since a process counts the memory of the one that made it."""


def packed(size: int) -> bytes:
    """Return an answer with a name of so many bytes, packed."""
    packer = gzip.zlib.compressobj(9, wbits=31)
    pieces = [packer.compress(b'{"segments":[{"id":1,"name":"')]
    pieces += [packer.compress(b"x" * 1_000_000) for _ in range(size // 1_000_000)]
    return b"".join([*pieces, packer.compress(b'"}]}'), packer.flush()])


@pytest.mark.parametrize(
    ("reply", "code", "megabytes"),
    [
        (Reply(200, packed(32_000_000), PACKED), 0, 350),
        (Reply(200, packed(1_000_000_000), PACKED), 1, 450),
        (Reply(200, b"[" * 16_000_000 + b"]" * 16_000_000), 1, 250),
        (Reply(200, b'{"segments":[{"id":1,"x":[%s1]}]}' % (b"1.5," * 8_000_000)), 1, 250),
    ],
    ids=["32 MB", "bomb", "nested", "decimals"],
)
def test_the_command_stays_small(server, tmp_path, reply, code, megabytes):
    server.routes = {"/v1/segments": reply}
    config, catalog = tmp_path / "config.json", tmp_path / "catalog.json"
    config.write_text(json.dumps(configuration(server.url)))
    catalog.write_text(json.dumps(selection("segments")))
    program = str(Path(sys.executable).with_name("tap-customerio"))
    command = [program, "--config", str(config), "--catalog", str(catalog)]
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, *command], capture_output=True, check=False, timeout=60
    )
    *log, figures = done.stderr.decode().splitlines()
    exit_code, used = map(int, figures.split())
    assert exit_code == code
    assert "Traceback" not in "".join(log)
    assert done.stdout.endswith(b"\n")
    assert used / (2**10 if sys.platform == "darwin" else 1) < megabytes * 1_000
