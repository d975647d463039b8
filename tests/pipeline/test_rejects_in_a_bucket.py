"""Rejected records in S3, as a server that speaks its protocol keeps them."""

from __future__ import annotations

import json
import os
import subprocess

import boto3
import pytest
from moto.moto_server.threaded_moto_server import ThreadedMotoServer

from .conftest import BIN, readme_block

SCHEMA = {
    "type": "SCHEMA",
    "stream": "crm-accounts",
    "schema": {"properties": {"account": {"type": "string"}, "plan": {"type": "string"}}},
    "key_properties": ["account"],
}
DENIED = {"Effect": "Deny", "Principal": "*", "Action": "s3:PutObject"}


@pytest.fixture
def bucket(monkeypatch):
    """A client of a store, with an empty bucket; its address and keys stand in the environment."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key-of-the-bucket")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret-of-the-bucket")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    client = boto3.client("s3")
    client.create_bucket(Bucket="bucket")
    yield client
    client.close()
    server.stop()


@pytest.fixture
def simulator(customerio_simulator):
    return customerio_simulator(people=0, rate_limit=0)


@pytest.fixture
def configure(simulator, tmp_path):
    def write(folder="s3://bucket/prefix", identifiers=None):
        entry = {"stream": "crm-accounts", "operation": "person_identify"}
        config = {
            "site_id": simulator.site_id,
            "track_api_key": simulator.track_api_key,
            "track_api_url": simulator.url,
            "rejected_records_path": folder,
            "streams": [entry | ({"identifiers": identifiers} if identifiers else {})],
        }
        (tmp_path / "config.json").write_text(json.dumps(config))
        return [BIN / "target-customerio", "--config", tmp_path / "config.json"]

    return write


@pytest.fixture
def again(root):
    """The command of the README that sends downloaded parts again."""
    recipe = readme_block(root / "target-customerio" / "README.md", "sh", "aws s3 cp")
    (command,) = [line for line in recipe.splitlines() if line.startswith("cat ")]
    return command


def records(numbers):
    return [
        {"type": "RECORD", "stream": "crm-accounts", "record": {"account": f"a{n}", "plan": "pro"}}
        for n in numbers
    ]


def lines(*messages):
    return "".join(f"{json.dumps(message)}\n" for message in messages)


def test_parts_outlive_a_kill_and_are_sent_again(bucket, simulator, configure, run, again):
    # The column of the identifier was forgotten: every record is rejected.
    with subprocess.Popen(
        configure(), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        text=True,
    ) as target:  # fmt: skip
        target.stdin.write(lines(SCHEMA))
        for number in (1, 2):
            part = records(range(100 * number, 100 * number + 100))
            target.stdin.write(lines(*part, {"type": "STATE", "value": {"at": number}}))
            target.stdin.flush()
            assert json.loads(target.stdout.readline()) == {"at": number}
        target.stdin.write(lines(*records(range(300, 350))))
        target.stdin.flush()
        target.kill()

    config = configure(identifiers={"id": "account"})[-1]
    folder = config.with_name("rejected-records")
    folder.mkdir()
    objects = bucket.list_objects_v2(Bucket="bucket", Prefix="prefix/")["Contents"]
    assert len(objects) == 2
    for each in objects:
        file = folder / each["Key"].removeprefix("prefix/")
        bucket.download_file("bucket", each["Key"], str(file))
        first, *rest = map(json.loads, file.read_text().splitlines())
        assert first == SCHEMA
        assert {message["rejection"]["reason"] for message in rest} == {"required"}
        assert len(rest) == 100

    path = f"{BIN}{os.pathsep}{os.environ['PATH']}"
    run("sh", "-c", again, cwd=config.parent, settings={"PATH": path})
    sent = {person["id"] for person in simulator.people().values()}
    assert sent == {f"a{n}" for n in range(100, 300)}


@pytest.mark.parametrize("folder", ["s3://nowhere/prefix", "s3://closed/prefix"])
def test_a_bucket_that_takes_nothing_stops_the_run_before_its_state(folder, bucket, configure, run):
    bucket.create_bucket(Bucket="closed")
    policy = {"Version": "2012-10-17", "Statement": DENIED | {"Resource": "arn:aws:s3:::closed/*"}}
    bucket.put_bucket_policy(Bucket="closed", Policy=json.dumps(policy))
    content = lines(SCHEMA, *records([1]), {"type": "STATE", "value": {"at": 1}})
    result = run(*configure(folder), input=content, check=False)

    assert result.returncode == 1
    assert result.stdout == ""
    (error,) = [line for line in result.stderr.splitlines() if "| ERROR" in line]
    assert "Rejected records cannot be written" in error
    assert "`rejected_records_path`" in error
    assert "Traceback" not in result.stderr
    assert "of-the-bucket" not in result.stderr
    names = {each["Name"] for each in bucket.list_buckets()["Buckets"]}
    assert names == {"bucket", "closed"}
