"""Meltano installs both plugins on every Python of this machine, and they run there.

With uv on every Python and with virtualenv, which takes five times as long, on the one that runs
the tests: the jobs of ci.yml have a Python each. `make installations` tries both on all of them.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
import yaml

OLDEST = (3, 10)
PLUGINS = {"tap-customerio": "extractors", "target-customerio": "loaders"}


def interpreters() -> dict[tuple[int, int], str]:
    """The Pythons of this machine that we support, the one that runs this first."""
    found = {sys.version_info[:2]: sys.executable}
    folders = [*os.get_exec_path(), *sorted(Path.home().glob(".pyenv/versions/*/bin"))]
    names = [f"python3.{minor}" for minor in range(OLDEST[1], 30)]
    ask = "import sys; print(*sys.version_info[:2])"
    for path in [Path(folder, name) for folder in folders for name in ("python3", *names)]:
        if path.is_file():
            # What pyenv puts on the PATH ends with an error where its version is not in use.
            answer = subprocess.run(
                [path, "-c", ask], capture_output=True, text=True, check=False, timeout=30
            )
            if re.fullmatch(r"3 \d+\n", answer.stdout):
                found.setdefault(tuple(map(int, answer.stdout.split())), str(path))
    return {release: path for release, path in found.items() if release >= OLDEST}


INTERPRETERS = interpreters()
EVERYTHING = os.environ.get("EVERY_INSTALLATION") == "true"
INSTALLATIONS = [
    pytest.param((backend, path, f"{major}.{minor}"), id=f"{backend}-{major}.{minor}")
    for (major, minor), path in INTERPRETERS.items()
    for backend in ("uv", "virtualenv")
    if backend == "uv" or EVERYTHING or (major, minor) == sys.version_info[:2]
]


def test_no_python_of_this_machine_is_left_out():
    names = [f"python3.{minor}" for minor in range(OLDEST[1], 30)]
    for path in filter(None, map(shutil.which, names)):
        answer = subprocess.run([path, "--version"], capture_output=True, text=True, check=False)
        release = re.match(r"Python (\d+)\.(\d+)", answer.stdout)
        assert release is None or tuple(map(int, release.groups())) in INTERPRETERS
    assert sys.version_info[:2] in INTERPRETERS


@pytest.fixture(params=INSTALLATIONS)
def installed(request, root, programs, run, tmp_path):
    """Install both plugins with Meltano; returns their commands."""
    backend, python, release = request.param
    declared = yaml.safe_load((root / "meltano.yml").read_text())["plugins"]
    plugins = {
        kind: [
            entry | {"pip_url": str(root / plugin)}
            for entry in declared[kind]
            if entry["name"] == plugin
        ]
        for plugin, kind in PLUGINS.items()
    }
    project = {"project_id": "installations", "send_anonymous_usage_stats": False}
    (tmp_path / "meltano.yml").write_text(yaml.safe_dump(project | {"plugins": plugins}))
    settings = {
        "MELTANO_PROJECT_ROOT": str(tmp_path),
        "MELTANO_PYTHON": python,
        "MELTANO_VENV_BACKEND": backend,
    }
    run(programs / "meltano", "install", cwd=tmp_path, settings=settings, timeout=280)
    folders = {
        plugin: tmp_path / ".meltano" / kind / plugin / "venv" / "bin"
        for plugin, kind in PLUGINS.items()
    }
    assert all((folder / f"python{release}").exists() for folder in folders.values())
    return {plugin: folder / plugin for plugin, folder in folders.items()}


@pytest.mark.timeout(300)
def test_what_meltano_installs_runs(installed, root, customerio_simulator, run, tmp_path):
    for plugin, command in installed.items():
        about = json.loads(run(command, "--about", "--format=json").stdout)
        assert (about["name"], about["version"].lstrip("v")) == (plugin, version(plugin))

    simulator = customerio_simulator(people=8, seed=7, rate_limit=0)
    app = {"app_api_key": simulator.app_api_key, "app_api_url": simulator.url}
    track = {"site_id": simulator.site_id, "track_api_key": simulator.track_api_key}
    track |= {"track_api_url": simulator.url, "fail_on_rejects": False}
    for plugin, config in (("tap", app | {"requests_per_second": 0}), ("target", track)):
        (tmp_path / f"{plugin}.json").write_text(json.dumps(config))
    tap = run(installed["tap-customerio"], "--config", tmp_path / "tap.json", cwd=tmp_path)
    assert json.loads(tap.stdout.splitlines()[-1])["type"] == "STATE"
    people = (root / "demo" / "crm.singer").read_text()
    target = (installed["target-customerio"], "--config", tmp_path / "target.json")
    run(*target, cwd=tmp_path, input=people)
    assert "crm-001" in {person["id"] for person in simulator.people().values()}
