"""Fixtures of the whole-pipe tests: what is published, and a Meltano project with its plugins."""

from __future__ import annotations

import dataclasses
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import uv as uv_package

# The streams that are selected by default and the keys of each: what the pipelines are held to.
STREAMS = {
    "activities": ["id"],
    "broadcast_actions": ["broadcast_id", "id", "language"],
    "broadcasts": ["id"],
    "campaign_actions": ["campaign_id", "id"],
    "campaigns": ["id"],
    "collections": ["id"],
    "messages": ["id"],
    "newsletters": ["id"],
    "object_types": ["id"],
    "segment_membership": ["segment_id", "cio_id"],
    "segments": ["id"],
    "sender_identities": ["id"],
    "snippets": ["name"],
    "reporting_webhooks": ["id"],
    "subscription_channels": ["id"],
    "subscription_topics": ["id"],
    "transactional_messages": ["id"],
    "workspaces": ["id"],
}
# The recipes of the READMEs that are tried as they stand: a word of each.
RECIPES = {"tap-customerio": "target-postgres", "target-customerio": "tap-postgres"}
PACKAGES = ("tap-customerio", "target-customerio", "customerio-simulator")
BIN = Path(sys.executable).parent


@pytest.hookimpl(tryfirst=True)  # before xdist looks for groups
def pytest_collection_modifyitems(items):
    """Keep tests that share an installation on one worker of xdist."""
    for item in items:
        for shared in {"installed_project", "built"} & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.xdist_group(shared))


def run_program(*command, check=True, settings=None, timeout=300, **options):
    """Run a program to its end; where it fails, pytest shows what it said."""
    result = subprocess.run(
        [str(part) for part in command],
        capture_output=True,
        check=False,
        env=os.environ | (settings or {}),
        stdin=None if "input" in options else subprocess.DEVNULL,
        text=True,
        timeout=timeout,
        **options,
    )
    if check:
        assert result.returncode == 0, (
            f"{command} ended with {result.returncode}\n{result.stdout}\n{result.stderr}"
        )
    return result


def readme_block(readme, language, word):
    """The one block of a README in this language that holds the word."""
    blocks = re.findall(rf"^```{language}\n(.*?)^```", readme.read_text(), re.DOTALL | re.MULTILINE)
    (block,) = [block for block in blocks if word in block]
    return block


@pytest.fixture(scope="session")
def run():
    return run_program


@pytest.fixture(scope="session")
def streams():
    """The keys of each stream, by its name."""
    return STREAMS


@pytest.fixture(scope="session")
def programs():
    """The folder of the console scripts that are under test."""
    return BIN


@pytest.fixture(scope="session")
def uv():
    return uv_package.find_uv_bin()


@pytest.fixture(scope="session")
def built(uv, root, tmp_path_factory):
    """What a release publishes: the sdist of each package, and the wheel that is built from it."""
    folder = tmp_path_factory.mktemp("built")
    run_program(uv, "build", "--quiet", "--all-packages", "--out-dir", folder, cwd=root)
    return {
        kind: {
            package: next(folder.glob(f"{package.replace('-', '_')}-*{ending}"))
            for package in PACKAGES
        }
        for kind, ending in {"sdist": ".tar.gz", "wheel": ".whl"}.items()
    }


@dataclasses.dataclass(frozen=True)
class MeltanoProject:
    """A copy of the repository's Meltano project, with the settings of one test."""

    folder: Path
    output: Path
    settings: dict[str, str]

    def __call__(self, *arguments, check=True, **settings):
        """Run Meltano in the project, with settings of the plugins as environment variables."""
        return run_program(
            BIN / "meltano",
            *arguments,
            check=check,
            cwd=self.folder,
            settings=self.settings | settings,
        )


@pytest.fixture(scope="session")
def installed_project(root, tmp_path_factory):
    """The folder of a copy of the project in which `meltano install` was run."""
    folder = tmp_path_factory.mktemp("project")
    shutil.copy(root / "meltano.yml", folder)
    shutil.copytree(root / "demo", folder / "demo")
    for package in PACKAGES:
        (folder / package).symlink_to(root / package)
    with (folder / "meltano.yml").open("a") as project:
        project.write("\ninclude_paths: [recipes/*.yml]\n")
    (folder / "recipes").mkdir()
    for package, word in RECIPES.items():
        recipe = folder / "recipes" / f"{package}.yml"
        recipe.write_text(readme_block(root / package / "README.md", "yaml", word))
    run_program(
        BIN / "meltano", "install", cwd=folder, settings={"MELTANO_PROJECT_ROOT": str(folder)}
    )
    return folder


@pytest.fixture
def meltano(installed_project, tmp_path):
    """Run Meltano with a state, files and rejects of this test's own."""
    output = tmp_path / "output"
    output.mkdir()
    return MeltanoProject(
        folder=installed_project,
        output=output,
        settings={
            "MELTANO_PROJECT_ROOT": str(installed_project),
            "MELTANO_DATABASE_URI": f"sqlite:///{tmp_path}/meltano.db",
            "MELTANO_STATE_BACKEND_URI": f"file://{tmp_path}/state",
            "TARGET_JSONL_DESTINATION_PATH": str(output),
            "TARGET_CUSTOMERIO_REJECTED_RECORDS_PATH": str(tmp_path / "rejected-records"),
            "NO_COLOR": "1",
        },
    )
