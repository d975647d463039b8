"""Each of the three distributions installs alone, from everywhere pip takes it, and runs."""

from __future__ import annotations

import tarfile
import zipfile
from importlib.metadata import version

import pytest

MODULES = {"tap_customerio", "target_customerio", "customerio_simulator"}
DESCRIBE = {
    "tap-customerio": "--about",
    "target-customerio": "--about",
    "customerio-simulator": "--help",
}

each_package = pytest.mark.parametrize("package", DESCRIBE)


@pytest.fixture(scope="module")
def repository(root, tmp_path_factory, run):
    """A bare clone of the repository, as a git server keeps it."""
    folder = tmp_path_factory.mktemp("git") / "repository.git"
    run("git", "clone", "--quiet", "--bare", root, folder)
    return folder


@pytest.fixture(params=["wheel", "folder", "editable", "git"])
def requirement(request, package, root, repository, built):
    """What is given to pip: one of the forms in which a package is installed."""
    return {
        "wheel": [built["wheel"][package]],
        "folder": [root / package],
        "editable": ["--editable", root / package],
        "git": [f"{package} @ git+file://{repository}#subdirectory={package}"],
    }[request.param]


@each_package
def test_installs_alone_and_runs(package, requirement, uv, run, tmp_path):
    environment = tmp_path / "environment"
    run(uv, "venv", "--quiet", environment)
    run(uv, "pip", "install", "--quiet", "--python", environment, *requirement, cwd=tmp_path)

    command = environment / "bin" / package
    assert version(package) in run(command, "--version", cwd=tmp_path).stdout
    assert package in run(command, DESCRIBE[package], cwd=tmp_path).stdout.lower()
    look = "import pkgutil; print(*(module.name for module in pkgutil.iter_modules()))"
    modules = set(run(environment / "bin" / "python", "-c", look, cwd=tmp_path).stdout.split())
    assert modules & MODULES == {package.replace("-", "_")}


@each_package
def test_the_wheel_holds_the_package_and_nothing_else(package, built):
    module, information = package.replace("-", "_"), built["wheel"][package].name.split("-py3")[0]
    names = zipfile.ZipFile(built["wheel"][package]).namelist()

    assert {name.partition("/")[0] for name in names} == {module, f"{information}.dist-info"}
    assert f"{module}/py.typed" in names
    assert f"{information}.dist-info/licenses/LICENSE" in names
    assert not [name for name in names if name.endswith((".pyc", ".singer", ".jsonl"))]


@each_package
def test_the_sdist_holds_what_the_wheel_is_built_from_and_nothing_else(package, built):
    with tarfile.open(built["sdist"][package]) as archive:
        paths = archive.getnames()
    top, module = built["sdist"][package].name.removesuffix(".tar.gz"), package.replace("-", "_")
    wheel = zipfile.ZipFile(built["wheel"][package]).namelist()
    code = {f"{top}/{name}" for name in wheel if name.startswith(f"{module}/")}

    # git's list is put there by the build backend.
    others = {"LICENSE", "README.md", "pyproject.toml", "PKG-INFO", ".gitignore"}
    assert set(paths) == code | {f"{top}/{name}" for name in others}


def test_pip_itself_installs_all_three_side_by_side(root, uv, run, tmp_path):
    environment = tmp_path / "environment"
    run(uv, "venv", "--quiet", "--seed", environment)
    pip = [environment / "bin" / "python", "-m", "pip"]
    run(*pip, "install", "--quiet", *(root / package for package in DESCRIBE), cwd=tmp_path)

    run(*pip, "check", cwd=tmp_path)
    for package in DESCRIBE:
        assert version(package) in run(environment / "bin" / package, "--version").stdout
