"""Plugins, meltano.yml, READMEs and .env.example name the same settings."""

from __future__ import annotations

import json
import re
import sys

import pytest
import yaml

from .conftest import readme_block

PLUGINS = {"tap-customerio": "extractors", "target-customerio": "loaders"}
SECRETS = {
    "tap-customerio": {"app_api_key", "rate_limit_store"},
    "target-customerio": {"app_api_key", "rate_limit_store", "site_id", "track_api_key"},
}

pytestmark = pytest.mark.parametrize("plugin", PLUGINS)


@pytest.fixture
def answer(plugin, programs, run):
    """What the plugin tells about itself."""
    return json.loads(run(programs / plugin, "--about", "--format=json").stdout)


@pytest.fixture
def about(answer):
    """The plugin's settings, as it tells them itself."""
    return answer["settings"]["properties"]


@pytest.fixture
def entry(plugin, root):
    """The plugin's entry in meltano.yml."""
    project = yaml.safe_load((root / "meltano.yml").read_text())
    return next(entry for entry in project["plugins"][PLUGINS[plugin]] if entry["name"] == plugin)


@pytest.fixture
def declared(entry):
    """The plugin's settings in meltano.yml, by name."""
    return {setting["name"]: setting for setting in entry["settings"]}


def test_meltano_knows_what_the_plugin_is_capable_of(answer, entry):
    assert sorted(entry["capabilities"]) == sorted(answer["capabilities"])


def test_meltano_declares_every_setting_with_label_description_and_kind(about, declared):
    assert declared.keys() == about.keys()
    for name, setting in declared.items():
        assert setting["label"], name
        assert setting["description"] == " ".join(about[name]["description"].split())
        assert setting.get("value") == (about[name].get("default") or setting.get("value"))
        expected = "options" if "enum" in about[name] else about[name]["type"]
        if setting["kind"] == "date_iso8601":
            assert about[name]["format"] == "date-time"
        else:
            assert setting["kind"] in expected


def test_secrets_are_sensitive_and_nothing_else_is(plugin, about, declared):
    assert {name for name, setting in about.items() if setting.get("secret")} == SECRETS[plugin]
    assert {name for name, setting in declared.items() if setting["sensitive"]} == SECRETS[plugin]


def test_numbers_are_integers(about):
    # Decimals arrive as text from the environment, under Meltano and under the SDK.
    assert not [name for name, setting in about.items() if "number" in setting["type"]]


def test_env_example_lists_every_setting(plugin, about, root):
    prefix = plugin.replace("-", "_").upper()
    text = (root / ".env.example").read_text()
    listed = re.findall(rf"^# {prefix}_([A-Z_]+)=", text, re.MULTILINE)

    assert [name.lower() for name in listed] == list(about)


def test_the_readme_has_a_row_for_every_setting(plugin, about, root):
    rows = re.findall(r"^\| ?`([a-z_]+)`", (root / plugin / "README.md").read_text(), re.MULTILINE)

    assert set(about) <= set(rows)


def test_the_entry_of_the_readme_is_that_of_meltano_yml_but_shorter(plugin, entry, declared, root):
    block = readme_block(root / plugin / "README.md", "yaml", f"pip_url: {plugin} ")
    (short,) = yaml.safe_load(block)["plugins"][PLUGINS[plugin]]

    assert short["pip_url"] == plugin
    assert sorted(short["capabilities"]) == sorted(entry["capabilities"])
    for name in ("name", "namespace", "executable"):
        assert short[name] == entry[name]
    for setting in short["settings"]:
        full = declared[setting["name"]]
        assert setting["kind"] in {full["kind"], "string"}
        assert setting.get("sensitive", False) == full["sensitive"]
    assert set(short["config"]) <= {setting["name"] for setting in short["settings"]}
    assert set(short.get("select", ())) <= set(entry.get("select", ()))


def test_the_generator_has_nothing_to_write(plugin, root, run):
    # One run holds for both plugins; it costs little enough to stay with the others.
    del plugin
    run(sys.executable, root / "scripts" / "settings.py", "--check")
