"""The listener hears what it is there to hear, and nothing that is allowed."""

from __future__ import annotations

import logging
import subprocess
import sys

import pytest

LEAKED = "test-app-api-key"


def test_a_log_record_that_no_handler_takes_is_heard(listener):
    logger = logging.getLogger("nobody-listens")
    logger.propagate = False
    logger.warning("the key is %s", LEAKED)
    assert listener.leaks() == [f"logger nobody-listens: the key is {LEAKED}"]


def test_a_traceback_in_a_log_record_is_heard(listener):
    logging.getLogger("somebody").error("oops", exc_info=ValueError(LEAKED))
    assert listener.leaks()


@pytest.mark.parametrize("thrown_away", [True, False])
def test_standard_error_of_a_process_is_heard(listener, thrown_away):
    place = subprocess.DEVNULL if thrown_away else None
    code = f"raise ValueError('person7@example.com of {LEAKED}')"
    with subprocess.Popen([sys.executable, "-c", code], stderr=place) as process:
        process.wait(30)
    assert listener.leaks()


def test_of_standard_output_records_and_state_are_left_out_and_nothing_else(listener):
    for text, heard in [(f'{{"type":"RECORD","a":"{LEAKED}"}}', False), (f"for {LEAKED}", True)]:
        command = [sys.executable, "-c", "import sys; print(sys.stdin.read())"]
        subprocess.run(command, input=text, text=True, check=True, capture_output=True)
        assert bool(listener.leaks()) is heard
