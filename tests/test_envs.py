"""The environments: the lock has what pyproject.toml asks for, pinned; the container copies what is there."""

import re
import tomllib

import yaml
from dag_runs import REPOSITORY

ENVS = REPOSITORY / "envs"


def _name(requirement: str) -> str:
    return re.split(r"[\s<>=!~;\[]", requirement, maxsplit=1)[0].lower().replace("_", "-")


def _locked() -> dict[str, str]:
    found = re.findall(r"^([\w.-]+)==(\S+)", (ENVS / "gpu.lock").read_text(), flags=re.MULTILINE)
    return {name.lower().replace("_", "-"): version for name, version in found}


def test_lock_covers_the_package_and_its_extras() -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *(one for extra in project["optional-dependencies"].values() for one in extra)]
    assert {_name(requirement) for requirement in wanted} - set(_locked()) == set()


def test_lock_agrees_with_the_pins_and_has_digests() -> None:
    pins = re.findall(r"^([\w.-]+)==(\S+)", (ENVS / "pins.txt").read_text(), flags=re.MULTILINE)
    locked = _locked()
    assert {name: locked.get(_key(name)) for name, version in pins if locked.get(_key(name), version) != version} == {}
    entries = re.split(r"^(?=[\w.-]+==)", (ENVS / "gpu.lock").read_text(), flags=re.MULTILINE)[1:]
    assert all("--hash=sha256:" in entry for entry in entries)


def _key(name: str) -> str:
    return name.lower().replace("_", "-")


def test_lock_has_the_cuda_build() -> None:
    assert any(name.startswith("nvidia-cudnn") for name in _locked())


def test_conda_file_uses_the_pins() -> None:
    content = yaml.safe_load((ENVS / "gpu.yaml").read_text())
    pip = next(entry["pip"] for entry in content["dependencies"] if isinstance(entry, dict))
    assert pip == ["--constraint pins.txt", "--editable ..[timm,slurm,test]"]


def test_container_copies_what_is_there() -> None:
    files = re.search(r"%files\n(.*?)\n\n", (ENVS / "wssis.def").read_text(), flags=re.DOTALL).group(1)
    assert all((REPOSITORY / line.split()[0]).exists() for line in files.splitlines())
