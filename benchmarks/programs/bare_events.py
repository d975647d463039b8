"""Decodes, re-encodes, packs and posts a file of events on one connection, and checks nothing.

The codec is msgspec, or the standard library's json.

Run it with `python bare_events.py FILE URL SITE_ID TRACK_API_KEY msgspec|json`.
"""

from __future__ import annotations

import json
import sys
import typing as t
from pathlib import Path

import msgspec
import requests

BODY_BYTES = 499_999  # documented: a batch is smaller than 500 KB

_to_text = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
CODECS: dict[str, tuple[t.Callable[[bytes], t.Any], t.Callable[[object], bytes]]] = {
    "msgspec": (msgspec.json.Decoder().decode, msgspec.json.Encoder().encode),
    "json": (json.loads, lambda value: _to_text(value).encode()),
}


def main(file: str, url: str, site_id: str, key: str, codec: str) -> None:
    """Send the events of a Singer file."""
    session = requests.Session()
    session.auth = (site_id, key)
    decode, encode = CODECS[codec]
    body: list[bytes] = []
    size = 12

    def post() -> None:
        content = b'{"batch":[' + b",".join(body) + b"]}"
        headers = {"Content-Type": "application/json"}
        session.post(f"{url}/api/v2/batch", content, headers=headers).raise_for_status()

    with Path(file).open("rb") as lines:
        for line in lines:
            message = decode(line)
            if message["type"] != "RECORD":
                continue
            record = message["record"]
            item = encode(
                {
                    "type": "person",
                    "action": "event",
                    "identifiers": {"id": record.pop("person_id")},
                    "name": record.pop("event_name"),
                    "attributes": record,
                }
            )
            if size + len(item) + 1 > BODY_BYTES:
                post()
                body, size = [], 12
            body.append(item)
            size += len(item) + 1
    post()


if __name__ == "__main__":
    main(*sys.argv[1:])
