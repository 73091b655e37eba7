"""config.yaml and config.schema.json, rendered from the models.

`python -m wssis.config.defaults --write` regenerates both in the working directory; without `--write` it says
whether they are up to date.
"""

import argparse
import difflib
import json
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import yaml
from pydantic.fields import FieldInfo

from wssis.config.default_study import DEFAULT_STUDY
from wssis.config.section import Section
from wssis.config.study import Study
from wssis.config.validate import validate_study

WIDTH = 118
HEADER = """\
The default study: the embedded data set on a CPU, in minutes. It also defines every key there is.
Another study is a file in studies/, passed as --configfile; Snakemake merges it into this one key by key
(mappings merge, lists replace). This file is rendered from wssis/config: python -m wssis.config.defaults --write
"""
BOUNDS = {"gt": ">", "ge": ">=", "lt": "<", "le": "<="}


def render_config() -> str:
    """The text of config.yaml: the default study, every key under a comment with its meaning and legal values."""
    lines = [*_comment(HEADER, ""), *_section(validate_study(DEFAULT_STUDY), 0)]
    return "\n".join(lines) + "\n"


def render_schema() -> str:
    """The text of config.schema.json: the JSON schema of a whole (merged) configuration."""
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **Study.model_json_schema()}
    return json.dumps(schema, indent=2) + "\n"


def drift(folder: Path) -> str:
    """A unified diff between the two files in `folder` and what the models say; empty when they agree."""
    return "\n".join(diff for name, text in _files() if (diff := _diff(folder / name, text)))


def _files() -> Iterator[tuple[str, str]]:
    yield "config.yaml", render_config()
    yield "config.schema.json", render_schema()


def _diff(path: Path, wanted: str) -> str:
    present = path.read_text(encoding="utf-8") if path.exists() else ""
    lines = difflib.unified_diff(present.splitlines(), wanted.splitlines(), path.name, "from the models", lineterm="")
    return "\n".join(lines)


def _section(section: Section, depth: int) -> Iterator[str]:
    """The lines of a section; a blank line before every block of the two upper levels."""
    indent = "  " * depth
    fields = type(section).model_fields
    for name in sorted(fields, key=lambda name: _rank(name, getattr(section, name), depth)):
        value, field = getattr(section, name), fields[name]
        if depth == 0 or (depth == 1 and isinstance(value, Section)):
            yield ""
        yield from _comment(_meaning(field, value), indent)
        yield from _entry(name, value, depth)


def _rank(name: str, value: Any, depth: int) -> int:
    """Single values before blocks, and `kind` first; the top level keeps the order of the stages."""
    return 0 if name == "kind" or depth == 0 else 2 if isinstance(value, Section) else 1


def _entry(key: str, value: Any, depth: int) -> Iterator[str]:
    """A key and its value: sections and non-empty mappings as blocks, all else on one line."""
    indent = "  " * depth
    if isinstance(value, Section):
        yield f"{indent}{key}:"
        yield from _section(value, depth + 1)
    elif isinstance(value, Mapping) and value:
        yield f"{indent}{key}:"
        for name, item in value.items():
            yield from _entry(name, item, depth + 1)
    else:
        yield f"{indent}{key}: {_scalar(value)}"


def _scalar(value: Any) -> str:
    plain = json.loads(json.dumps(value))
    text = yaml.safe_dump(plain, default_flow_style=True, width=10_000, allow_unicode=True)
    return text.removesuffix("\n").removesuffix("\n...")


def _meaning(field: FieldInfo, value: Any) -> str:
    """The field's description, or its section's docstring, and the legal values."""
    text = field.description or (type(value).__doc__ if isinstance(value, Section) else "")
    text = " ".join((text or "").split())
    legal = _legal(field)
    return f"{text} [{legal}]" if legal else text


def _legal(field: FieldInfo) -> str:
    """`a | b` for literals of several values, `>= 1, < 5` for bounds, else nothing."""
    if get_origin(field.annotation) is Literal:
        choices = get_args(field.annotation)
        return " | ".join(map(str, choices)) if len(choices) > 1 else ""
    found = ((sign, getattr(item, name, None)) for item in field.metadata for name, sign in BOUNDS.items())
    return ", ".join(f"{sign} {bound:g}" for sign, bound in found if bound is not None)


def _comment(text: str, indent: str) -> list[str]:
    paragraphs = text.splitlines()
    return [f"{indent}# {line}" for part in paragraphs for line in textwrap.wrap(part, WIDTH - len(indent) - 2)]


def main() -> None:
    """Compare, or with --write regenerate, the two files in the working directory."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write", action="store_true", help="write config.yaml and config.schema.json")
    if parser.parse_args().write:
        for name, text in _files():
            Path(name).write_text(text, encoding="utf-8")
        return
    if difference := drift(Path()):
        raise SystemExit(difference)


if __name__ == "__main__":
    main()
