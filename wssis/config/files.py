"""A study from its files, merged as Snakemake merges them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from wssis.config.merging import merged
from wssis.config.study import Study
from wssis.config.validate import validate_study
from wssis.errors import InputError


def read_study(default: Path, others: Sequence[Path] = ()) -> Study:
    """The study of config.yaml with other files laid over it, key by key; lists replace.

    Raises:
        InputError: a file is missing or no YAML mapping, or a setting is illegal.
    """
    raw: dict[str, Any] = {}
    for path in (default, *others):
        raw = merged(raw, _read(path))
    return validate_study(raw)


def _read(path: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"{path}: not found; run this in the folder of the workflow, or name the file") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not a YAML file ({error})") from None
    if not isinstance(content, dict):
        raise InputError(f"{path}: not a study file: expected keys and values")
    return content
