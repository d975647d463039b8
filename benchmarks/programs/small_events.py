"""Writes so many small events as Singer messages: what a tap hands to a target through a pipe.

Run it with `python small_events.py EVENTS`.
"""

from __future__ import annotations

import json
import sys

TEXT = {"type": ["string", "null"]}
SCHEMA = {
    "type": "SCHEMA",
    "stream": "person_event",
    "schema": {
        "properties": {
            "person_id": TEXT,
            "event_name": TEXT,
            "timestamp": {"type": ["integer", "null"]},
            "order_number": {"type": ["integer", "null"]},
        }
    },
    "key_properties": [],
}
EVENT = (
    '{"type":"RECORD","stream":"person_event","record":{"person_id":"%d",'
    '"event_name":"order placed","timestamp":%d,"order_number":%d}}\n'
)
STATE = '{"type":"STATE","value":{"events":%d}}\n'
OF_A_STATE = 10_000


def main(events: int) -> None:
    """Write the messages to standard output."""
    write = sys.stdout.write
    write(json.dumps(SCHEMA) + "\n")
    for first in range(0, events, OF_A_STATE):
        numbers = range(first, min(events, first + OF_A_STATE))
        write("".join(EVENT % (n % 100_000, 1_790_000_000 + n % 1_000_000, n) for n in numbers))
        write(STATE % numbers.stop)


if __name__ == "__main__":
    main(int(sys.argv[1]))
