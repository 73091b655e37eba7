"""A study from its files, merged as Snakemake merges them."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import yaml

from wssis.config.merging import merged
from wssis.config.study import Study
from wssis.config.validate import validate_study
from wssis.errors import InputError

MERGE = "tag:yaml.org,2002:merge"


def read_study(default: Path, others: Sequence[Path] = ()) -> Study:
    """The study of config.yaml with other files laid over it, key by key; lists replace.

    Raises:
        InputError: a file is missing or no YAML mapping, or a setting is illegal.
    """
    raw: dict[str, Any] = {}
    for path in (default, *others):
        raw = merged(raw, _read(path))
    return validate_study(raw)


def refuse_repeated_keys(paths: Iterable[Path]) -> None:
    """Snakemake reads its files itself, and of a key that occurs twice it takes the last without a word.

    Raises:
        InputError: names the file, the line and the key.
    """
    for path in paths:
        if path.suffix != ".json":
            _read(path)


class _Repeated(Exception):
    """A key that occurs twice in one mapping, and the line of the second, from 1."""

    def __init__(self, key: str, line: int) -> None:
        self.key, self.line = key, line


class _OneOfEachKey(yaml.SafeLoader):
    """YAML, without the liberty to repeat a key."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode) and key.tag != MERGE:
                if key.value in seen:
                    raise _Repeated(key.value, key.start_mark.line + 1)
                seen.add(key.value)
        return super().construct_mapping(node, deep)


def _read(path: Path) -> dict[str, Any]:
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), _OneOfEachKey)
    except FileNotFoundError:
        raise InputError(f"{path}: not found; run this in the folder of the workflow, or name the file") from None
    except _Repeated as error:
        raise InputError(
            f"{path}, line {error.line}: the key {error.key} occurs twice at one place; join the two"
        ) from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not a YAML file ({error})") from None
    if not isinstance(content, dict):
        raise InputError(f"{path}: not a study file: expected keys and values")
    return content
