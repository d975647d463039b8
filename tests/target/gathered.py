"""Messages and settings of what is gathered: segments and collections."""

from __future__ import annotations

import requests


def entry(operation, **keys):
    return {"streams": [{"stream": "s", "operation": operation, **keys}]}


def people(singer, *ids, **more):
    return [
        singer.SCHEMA("person_identify", {"id": "string"}),
        *(singer.RECORD("person_identify", id=each, **more) for each in ids),
        singer.STATE(people=1),
    ]


def members_of(singer, *ids, column="id"):
    return [
        singer.SCHEMA("s", {column: "string"}),
        *(singer.RECORD("s", **{column: each}) for each in ids),
        singer.STATE(members=len(ids)),
    ]


def changes(simulator):
    return [call["path"] for call in simulator.calls() if call["path"].endswith("_customers")]


def listed(simulator, table):
    headers = {"Authorization": f"Bearer {simulator.app_api_key}"}
    answer = requests.get(f"{simulator.url}/v1/{table}", headers=headers, timeout=30)
    return answer.json()[table]


def rows(singer, *prices):
    return [
        singer.SCHEMA("s", {"sku": "string", "price": "number"}),
        *(singer.RECORD("s", sku=f"s{p}", price=p, _sdc_batched_at="x", none=None) for p in prices),
        singer.STATE(rows=len(prices)),
    ]


def replacing(**keys):
    named = {"collection_name": "prices", "create_missing": True}
    return entry("collection_replace", **named | keys)
