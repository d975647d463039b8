"""Ends that nobody planned: nothing is lost then, and nothing gets two ids."""

from __future__ import annotations

import io
import json
import os
import random
import signal
import subprocess
import threading
import time

import pytest
from tests.waiting import wait_until

from target_customerio.errors import Interrupted
from target_customerio.signals import Signals
from target_customerio.target import TargetCustomerIO

from .conftest import COMMAND, as_lines, record, schema, state

EVENTS = 400


def messages(number: int = EVENTS):
    """Return people and events without ids, with a STATE after every tenth record."""
    lines = [schema("person_event", {"user_id": "integer"}), schema("person_identify", {}, ["id"])]
    for one in range(number):
        stamp = 1713484800 + one
        lines.append(record("person_event", user_id=one % 7, event_name="seen", timestamp=stamp))
        lines.append(record("person_identify", id=one, plan="free"))
        if one % 10 == 9:
            lines.append(state(done=one + 1))
    return lines


@pytest.fixture
def start_target(configure, tmp_path):
    """Start the target as a process that reads from a pipe."""
    processes = []

    def start(**settings):
        process = subprocess.Popen(
            [COMMAND, "--config", str(configure(**settings))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=tmp_path,
        )
        processes.append(process)
        return process

    yield start
    for process in processes:
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout, process.stderr):
            pipe.close()


def finish(process) -> tuple[int, list[dict], str]:
    """Wait for the end and return the exit code, the states and the log."""
    process.wait(30)
    states = [json.loads(line) for line in process.stdout.read().splitlines()]
    return process.returncode, states, process.stderr.read().decode()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_signal_on_an_idle_pipe_delivers_what_was_read(start_target, simulator, number, code):
    process = start_target()
    read = schema("person_event", {"says": "string"})  # whose announcement tells that it was read
    process.stdin.write(as_lines([*messages(30), read]))
    process.stdin.flush()
    announcements = 0
    while announcements < 2:
        announcements += b"has no key" in process.stderr.readline()
    sent = time.monotonic()
    process.send_signal(number)
    exit_code, states, log = finish(process)
    assert time.monotonic() - sent < 4
    assert exit_code == code
    assert states[-1] == {"done": 30}
    assert len(simulator.events()) == 30
    assert len(simulator.people()) == 30
    assert "Traceback" not in log


def test_a_state_leaves_an_idle_pipe_within_ten_seconds(start_target, simulator):
    # A body and a call to a segment, both of which would rather wait for more.
    into = {"stream": "segment_add", "segment_name": "VIP", "create_missing": True}
    app = {"app_api_key": simulator.app_api_key, "app_api_url": simulator.url}
    process = start_target(streams=[into], **app)
    lines = [
        *messages(30)[:2],
        schema("segment_add", {"id": "string"}),
        record("person_event", user_id=1, event_name="seen", timestamp=1713484800),
        record("segment_add", id="1"),
        state(done=1),
    ]
    process.stdin.write(as_lines(lines))
    process.stdin.flush()
    wait_until(lambda: b"has no key" in process.stderr.readline())
    started = time.monotonic()
    assert json.loads(process.stdout.readline()) == {"done": 1}
    assert time.monotonic() - started < 10
    assert any("add_customers" in call["path"] for call in simulator.calls())


def test_a_signal_while_a_body_is_sent_waits_for_its_answer(start_target, simulator):
    simulator.fault(times=1, path="/api/v2/batch", delay=1.0)
    process = start_target(max_concurrency=1)
    feed(process, messages(30))
    wait_until(simulator.calls)
    process.send_signal(signal.SIGTERM)
    exit_code, states, _ = finish(process)
    assert exit_code == 143
    assert states[-1] == {"done": 30}
    assert len(simulator.events()) == 30


def test_a_second_signal_ends_the_process_at_once(start_target, simulator):
    simulator.fault(times=100, path="/api/v2/batch", status=503, retry_after=60)
    process = start_target()
    feed(process, messages(30))
    wait_until(simulator.calls)
    process.send_signal(signal.SIGTERM)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.5)
    process.send_signal(signal.SIGTERM)
    exit_code, states, _ = finish(process)
    assert exit_code == -signal.SIGTERM
    assert states == []


class EndingInput(io.BytesIO):
    """An input at whose end something happens."""

    def __init__(self, content: bytes, happens) -> None:
        super().__init__(content)
        self._happens = happens

    def read1(self, size=-1):
        chunk = super().read1(size)
        if not chunk:
            self._happens()
        return chunk


def test_a_signal_that_comes_with_the_end_lets_no_mirror_act(configure, simulator, capsys):
    # Ctrl-C ends tap and target: the pipe may be seen closed before the signal is.
    into = {"stream": "vip", "operation": "segment_mirror", "segment_name": "VIP"}
    app = {"app_api_key": simulator.app_api_key, "app_api_url": simulator.url}
    file = configure(streams=[into | {"create_missing": True}], **app)
    target = TargetCustomerIO(config=json.loads(file.read_text()))
    lines = [schema("vip", {"id": "string"}), record("vip", id="1"), state(done=1)]
    source = EndingInput(
        as_lines(lines), lambda: setattr(target._signals, "received", signal.SIGTERM)
    )
    with pytest.raises(Interrupted):
        target.listen(source)
    assert not [call for call in simulator.calls() if "_customers" in call["path"]]
    assert not capsys.readouterr().out


def feed(process, lines):
    try:
        process.stdin.write(as_lines(lines))
        process.stdin.close()
    except BrokenPipeError:
        pass


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_killed_at_any_moment_and_run_again_nothing_is_missing(
    start_target, run, simulator, number, seed
):
    """A tap that begins again at the STATE sends what follows it; the rest was delivered."""
    lines = messages()
    simulator.fault(times=1000, path="/api/v2/batch", delay=0.02)
    process = start_target(max_concurrency=4)
    feeder = threading.Thread(target=feed, args=(process, lines))
    feeder.start()
    calls = random.Random(seed).randrange(1, 8)
    wait_until(lambda: len(simulator.calls()) >= calls or process.poll() is not None)
    process.send_signal(number)
    out = process.stdout.read()
    process.wait(30)
    feeder.join()
    done = json.loads(out.splitlines()[-1])["done"] if out else 0
    assert len(simulator.events()) >= done
    assert len(simulator.people()) >= done

    resume = next(at for at, line in enumerate(lines) if line == state(done=done)) if done else 1
    again = run([*lines[:2], *lines[resume + 1 :]])
    assert again.exit_code == 0, again.log
    people = {person["id"] for person in simulator.people().values() if person["id"]}
    assert people == {str(one) for one in range(EVENTS)}
    events = simulator.events()
    assert sorted(one["timestamp"] - 1713484800 for one in events) == list(range(EVENTS))
    assert len({one["id"] for one in events}) == EVENTS


def test_a_closed_standard_output_is_one_sentence(start_target, simulator):
    process = start_target()
    process.stdout.close()
    feed(process, messages(10))
    process.wait(30)
    log = process.stderr.read().decode()
    assert process.returncode == 1
    assert "STATE cannot be written to standard output" in log
    assert "Traceback" not in log
    assert "Exception ignored" not in log


@pytest.mark.parametrize(
    ("redirection", "text"),
    [
        (">&-", "STATE cannot be written to standard output (it is closed)."),
        ("<&-", "There is nothing to read: standard input is closed, and there is no --input."),
    ],
)
def test_a_standard_stream_that_was_never_open_is_one_sentence(
    configure, tmp_path, redirection, text
):
    done = subprocess.run(
        ["/bin/sh", "-c", f'"$0" "$@" {redirection}', COMMAND, "--config", configure()],
        input=as_lines(messages(10)),
        stderr=subprocess.PIPE,
        cwd=tmp_path,
        check=False,
        timeout=60,
    )
    errors = [line for line in done.stderr.decode().splitlines() if "| ERROR" in line]
    assert (done.returncode, len(errors)) == (1, 1)
    assert errors[0].endswith(text)


@pytest.fixture
def pipe():
    """The two ends of a pipe."""
    ends = os.pipe()
    yield ends
    for end in ends:
        os.close(end)


@pytest.fixture
def signals(monkeypatch):
    """Signals that wake waits, without a handler of the test's process being changed."""
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    signals = Signals()
    with signals.watched():
        yield signals


def wake():
    """Do what the interpreter does when a signal comes, before any handler in Python runs."""
    descriptor = signal.set_wakeup_fd(-1)
    signal.set_wakeup_fd(descriptor)
    os.write(descriptor, b"x")


def test_a_signal_just_before_a_wait_is_not_missed(signals, pipe):
    wake()  # a wait that goes on, since no handler has run yet
    descriptor = signal.set_wakeup_fd(-1)
    signal.set_wakeup_fd(descriptor)

    def come():
        signals.receive(signal.SIGTERM)
        os.write(descriptor, b"x")

    threading.Timer(0.1, come).start()
    assert not signals.wait(pipe[0], 60)
    with pytest.raises(Interrupted) as ended:
        signals.wait(pipe[0], 60)
    assert ended.value.exit_code == 143


def test_a_wait_ends_when_there_is_something_to_read(signals, pipe):
    os.write(pipe[1], b"x")
    assert signals.wait(pipe[0], 60)


def test_a_signal_before_the_wait_ends_it_at_once(signals, pipe):
    signals.receive(signal.SIGINT)
    os.write(pipe[1], b"x")
    with pytest.raises(Interrupted) as ended:
        signals.wait(pipe[0], 60)
    assert ended.value.exit_code == 130


def test_what_wakes_is_gone_after_the_reading():
    before = signal.set_wakeup_fd(-1)
    signal.set_wakeup_fd(before)
    with Signals().watched():
        pass
    after = signal.set_wakeup_fd(-1)
    signal.set_wakeup_fd(after)
    assert after == before


def test_a_wait_in_vain_is_told(pipe):
    signals = Signals()
    with signals.watched():
        assert not signals.wait(pipe[0], 0.01)
