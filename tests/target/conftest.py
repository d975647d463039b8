"""What the tests of the target share: records made into items, and the target as a process."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest
from singer_sdk.plugin_base import _ConfigInput

from target_customerio.checkpoints import Checkpoint
from target_customerio.errors import RunEnded
from target_customerio.guards import Deletions
from target_customerio.mapping import Mapping, SchemaMessage
from target_customerio.steps import Refused, Rules
from target_customerio.streams import StreamEntries, read_entries
from target_customerio.summary import Summary
from target_customerio.target import TargetCustomerIO

from .gathered import entry, members_of, people

if TYPE_CHECKING:
    from target_customerio.items import Rejection

COMMAND = str(Path(sys.executable).with_name("target-customerio"))


class Workshop:
    """The way from a record to an item, without input and without network."""

    def __init__(self, **settings: Any) -> None:
        self.summary = Summary()
        target = TargetCustomerIO(
            config={"site_id": "site", "track_api_key": "key", **settings.pop("config", {})}
        )
        mapping = {
            name: settings.pop(name, default)
            for name, default in (("skip_unmapped", False), ("check_records", True))
        }
        self.mapping = Mapping(
            target.mapper,
            StreamEntries(read_entries(settings.pop("streams", []))),
            self.summary,
            deletions=Deletions(settings.pop("max_deletes", None)),
            rules=Rules(**settings),
            **mapping,
        )

    def plan(self, stream: str, properties: dict[str, Any] | None = None, keys: Any = None) -> list:
        schema = {"type": "object", "properties": properties or {}}
        return self.mapping.plan(SchemaMessage(stream, schema, keys), b"{}")

    def item(self, stream, record, properties=None, keys=None) -> dict[str, Any]:
        """Return the item that one record becomes."""
        (route,) = self.plan(stream, properties, keys)
        return self.item_of(route, record)

    @staticmethod
    def item_of(route, record) -> dict[str, Any]:
        mapped = record if route.transform is None else route.transform(record)
        origin = route.origin(Checkpoint())
        return json.loads(route.plan.item(record, mapped, b"{}", origin).encoded)

    def rejection(self, stream, record, properties=None, keys=None) -> Rejection:
        """Return why one record is refused."""
        with pytest.raises(Refused) as refused:
            self.item(stream, record, properties, keys)
        return refused.value.rejection


@pytest.fixture
def workshop():
    return Workshop


class Run(NamedTuple):
    """One run of the target as a process."""

    exit_code: int
    states: list[str]
    log: str
    rejects: list[dict[str, Any]]

    @property
    def error(self) -> str:
        return " ".join(line for line in self.log.splitlines() if "| ERROR" in line)


def as_lines(messages) -> bytes:
    return b"".join(
        message + b"\n" if isinstance(message, bytes) else json.dumps(message).encode() + b"\n"
        for message in messages
    )


@pytest.fixture
def simulator(customerio_simulator):
    """A workspace without people and without a rate limit."""
    return customerio_simulator(people=0, rate_limit=0)


@pytest.fixture
def configure(simulator, tmp_path):
    """Write a configuration for the simulator and return its file."""

    def write(**settings: Any) -> Path:
        file = tmp_path / "config.json"
        given = {
            "site_id": simulator.site_id,
            "track_api_key": simulator.track_api_key,
            "track_api_url": simulator.url,
            "rejected_records_path": str(tmp_path / "rejects"),
        } | settings
        file.write_text(json.dumps(given))
        return file

    return write


def read_rejects(folder: Path) -> list[dict[str, Any]]:
    files = sorted(folder.glob("*.singer.jsonl"))
    return [json.loads(line) for file in files for line in file.read_text().splitlines()]


@pytest.fixture(autouse=True)
def _keep_signals(monkeypatch):
    """Leave the test's own process its handlers."""
    monkeypatch.setattr(TargetCustomerIO, "_setup_signal_handlers", lambda _: None)


@pytest.fixture
def run(configure, tmp_path, monkeypatch, caplog, capsys):
    """Pipe messages into the target, in this process, and return what came of it."""

    def pipe(messages, **settings: Any) -> Run:
        monkeypatch.chdir(tmp_path)
        caplog.clear()
        content = messages if isinstance(messages, bytes) else as_lines(messages)
        config = _ConfigInput(config=json.loads(configure(**settings).read_text()))
        exit_code = 0
        with caplog.at_level("INFO"):
            try:
                TargetCustomerIO.invoke(config=config, file_input=io.BytesIO(content))
            except SystemExit as end:
                exit_code = end.code
        log = "\n".join(f"| {one.levelname} | {one.getMessage()}" for one in caplog.records)
        states = capsys.readouterr().out.splitlines()
        return Run(exit_code, states, log, read_rejects(tmp_path / "rejects"))

    return pipe


@pytest.fixture
def process(configure, tmp_path):
    """Pipe messages into the target as a process of its own, and return what came of it."""

    def pipe(messages, *arguments: str, **settings: Any) -> Run:
        command = [COMMAND, "--config", str(configure(**settings)), *arguments]
        done = subprocess.run(
            command,
            input=as_lines(messages),
            capture_output=True,
            cwd=tmp_path,
            check=False,
            timeout=60,
        )
        states = done.stdout.decode().splitlines()
        rejects = read_rejects(tmp_path / "rejects")
        return Run(done.returncode, states, done.stderr.decode(), rejects)

    return pipe


def schema(stream: str, properties: dict[str, Any] | None = None, keys: Any = ()) -> dict[str, Any]:
    """Return a SCHEMA message; a column is a type, or a schema of its own."""
    return {
        "type": "SCHEMA",
        "stream": stream,
        "schema": {
            "type": "object",
            "properties": {
                name: {"type": [value, "null"]} if isinstance(value, str) else value
                for name, value in (properties or {}).items()
            },
        },
        "key_properties": list(keys),
    }


def record(stream: str, /, **columns: Any) -> dict[str, Any]:
    """Return a RECORD message."""
    return {"type": "RECORD", "stream": stream, "record": columns}


def state(**value: Any) -> dict[str, Any]:
    """Return a STATE message."""
    return {"type": "STATE", "value": value}


@pytest.fixture
def singer():
    """The messages of Singer, short to write."""

    class Messages:
        SCHEMA = staticmethod(schema)
        RECORD = staticmethod(record)
        STATE = staticmethod(state)
        ended = RunEnded

    return Messages


@pytest.fixture
def app(simulator):
    """The settings that reach the App API of the simulator."""
    return {"app_api_key": simulator.app_api_key, "app_api_url": simulator.url}


@pytest.fixture
def members(simulator):
    """Return who belongs to a segment, by id."""

    def read(segment):
        people = simulator.people()
        return {people[cio_id]["id"] for cio_id in simulator.members(segment)}

    return read


@pytest.fixture
def segment(simulator, app, run, singer, members):
    """A manual segment with the members a, b, c, d."""
    done = run(
        [*people(singer, *"abcd"), *members_of(singer, *"abcd")],
        **entry("segment_add", segment_name="VIP", create_missing=True),
        **app,
    )
    assert done.exit_code == 0, done.log
    found = [call["path"] for call in simulator.calls() if "add_customers" in call["path"]]
    number = int(found[0].split("/")[4])
    assert members(number) == set("abcd")
    simulator.reset()
    return number


@pytest.fixture
def segments(simulator, app, run, singer, members):
    """Two manual segments with members of their own."""
    names = [{"stream": name, "operation": "segment_add", "segment_name": name} for name in "st"]
    done = run(
        [
            *people(singer, *"abcdwxyz"),
            *members_of(singer, *"abcd"),
            singer.SCHEMA("t", {"id": "string"}),
            *(singer.RECORD("t", id=each) for each in "wxyz"),
        ],
        streams=[entry | {"create_missing": True} for entry in names],
        **app,
    )
    assert done.exit_code == 0, done.log
    found = [call["path"] for call in simulator.calls() if "add_customers" in call["path"]]
    numbers = [int(path.split("/")[4]) for path in found]
    assert [members(number) for number in numbers] == [set("abcd"), set("wxyz")]
    simulator.reset()
    return numbers
