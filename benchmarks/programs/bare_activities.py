"""Pages through the activities, prints them, and does nothing else: what readers are held to.

Run it with `python bare_activities.py URL APP_API_KEY`.
"""

from __future__ import annotations

import sys

import msgspec
import requests


def main(url: str, key: str) -> None:
    """Print the activities, one a line."""
    session = requests.Session()
    session.headers["Authorization"] = f"Bearer {key}"
    decode, encode = msgspec.json.Decoder().decode, msgspec.json.Encoder().encode
    parameters = {"limit": "100", "deleted": "true", "start": ""}
    while True:
        answer = session.get(f"{url}/v1/activities", params=parameters, timeout=60)
        answer.raise_for_status()
        page = decode(answer.content)
        for row in page["activities"] or ():
            line = encode({"type": "RECORD", "stream": "activities", "record": row})
            sys.stdout.buffer.write(line + b"\n")
        if not page["next"] or not page["activities"]:
            return
        parameters["start"] = page["next"]


if __name__ == "__main__":
    main(*sys.argv[1:])
