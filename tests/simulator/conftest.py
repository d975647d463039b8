"""A simulator with a held clock, and a plain client of both its APIs."""

from __future__ import annotations

import typing as t

import pytest
import requests

NOW = 1_790_000_000


class Client:
    """Calls both APIs with the right credentials."""

    def __init__(self, simulator: t.Any) -> None:
        self.simulator = simulator
        self.url = simulator.url
        self.session = requests.Session()
        self.session.trust_env = False
        self.bearer = {"Authorization": f"Bearer {simulator.app_api_key}"}
        self.basic = (simulator.site_id, simulator.track_api_key)

    def ask(self, path: str, **parameters: t.Any) -> requests.Response:
        return self.session.get(
            f"{self.url}{path}", params=parameters, headers=self.bearer, timeout=30
        )

    def get(self, path: str, **parameters: t.Any) -> t.Any:
        answer = self.ask(path, **parameters)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def post(self, path: str, body: t.Any, **parameters: t.Any) -> requests.Response:
        return self.session.post(
            f"{self.url}{path}", json=body, params=parameters, headers=self.bearer, timeout=30
        )

    def pages(self, path: str, key: str, **parameters: t.Any) -> list[list[t.Any]]:
        """Walk a list to the end, the way the documentation asks for."""
        pages, token = [], None
        while True:
            more = {"start": token} if token else {}
            body = self.get(path, **parameters, **more)
            pages.append(body[key] or [])
            token = body.get("next")
            if not token:
                return pages

    def rows(self, path: str, key: str, **parameters: t.Any) -> list[t.Any]:
        return [row for page in self.pages(path, key, **parameters) for row in page]

    def track(self, path: str, body: t.Any, **keywords: t.Any) -> requests.Response:
        content = {"data": body} if isinstance(body, bytes) else {"json": body}
        return self.session.post(
            f"{self.url}{path}", **content, **{"auth": self.basic, "timeout": 30} | keywords
        )

    def batch(self, *items: t.Any) -> requests.Response:
        return self.track("/api/v2/batch", {"batch": list(items)})

    def profile(self, value: str, id_type: str = "id") -> dict[str, t.Any]:
        body = self.post("/v1/customers/attributes", {"ids": [value]}, id_type=id_type).json()
        return body["customers"][0] if body["customers"] else {}


@pytest.fixture
def serve(customerio_simulator, caplog):
    """Return a factory of clients of new simulators without a rate limit, which must not break."""
    clients = []

    def factory(**options: t.Any) -> Client:
        started = customerio_simulator(**{"rate_limit": 0, "now": NOW, "people": 40} | options)
        clients.append(Client(started))
        return clients[-1]

    yield factory
    for client in clients:
        client.session.close()
    assert [record for record in caplog.records if record.levelname == "ERROR"] == []


@pytest.fixture
def client(serve):
    return serve()


@pytest.fixture
def now():
    return NOW


@pytest.fixture
def identify():
    def item(identifier: t.Any, kind: str = "id", **attributes: t.Any) -> dict[str, t.Any]:
        return {
            "type": "person",
            "action": "identify",
            "identifiers": {kind: identifier},
            "attributes": attributes,
        }

    return item


@pytest.fixture
def event():
    def item(
        identifier: t.Any, name: str = "purchase", kind: str = "id", **more: t.Any
    ) -> dict[str, t.Any]:
        identifiers = {kind: identifier}
        base = {"type": "person", "action": "event", "identifiers": identifiers, "name": name}
        return base | {{"event_id": "id"}.get(key, key): value for key, value in more.items()}

    return item
