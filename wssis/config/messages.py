"""Readable refusals: each names the key and what would be legal there."""

import difflib
import types
from collections.abc import Mapping
from typing import Any, Union, get_args, get_origin

from pydantic import ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from wssis.config.section import Section

Location = tuple[int | str, ...]


def problems_of(error: ValidationError, model: type[Section], prefix: str = "") -> list[str]:
    """One line per problem of a validation of `model`, each `key: what is wrong; what is legal`."""
    found = error.errors()
    broken = {details["loc"][:-1] for details in found if details["loc"]}
    return [_problem(details, model, prefix) for details in found if not _follows(details, broken)]


def unknown_key(key: str, legal: list[str]) -> str:
    """The message for a key that does not exist, with the nearest one that does."""
    near = difflib.get_close_matches(key, legal, n=1)
    hint = f" (did you mean {near[0]}?)" if near else ""
    return f"unknown key{hint}; legal keys: {', '.join(legal)}"


def _follows(details: ErrorDetails, broken: set[Location]) -> bool:
    """Whether a list is called too short only because its items are illegal, which is said already."""
    return details["type"] == "too_short" and details["loc"] in broken


def _problem(details: ErrorDetails, model: type[Section], prefix: str) -> str:
    keys, parent, field, expected = _walk(model, details["loc"])
    name = _dotted(prefix, keys)
    if details["type"] == "extra_forbidden":
        return f"{name}: {unknown_key(str(keys[-1]), sorted(parent.model_fields) if parent else [])}"
    message = _of_kind(details, expected) if details["type"].startswith("union_tag") else _legal(details)
    about = f" ({_without_stop(field.description)})" if field is not None and field.description else ""
    if details["type"] == "missing":
        return f"{name}: required key is missing{about}"
    return f"{name}: {message}{about}"


def _without_stop(sentence: str) -> str:
    return sentence if sentence.endswith("...") else sentence.removesuffix(".")


def _legal(details: ErrorDetails) -> str:
    """pydantic's sentence about the legal values, after the value that is not."""
    message = details["msg"].removeprefix("Value error, ")
    if details["type"] in ("value_error", "missing"):
        return message
    return f"{details['input']!r} is not legal: {message[0].lower()}{message[1:]}"


def _of_kind(details: ErrorDetails, union: Any) -> str:
    """A section whose key `kind` says which settings it has, and that lacks the key or has another value there."""
    legal = ", ".join(map(repr, _tagged(union)))
    if details["type"] == "union_tag_not_found":
        return f"its key kind is missing: one of {legal} (a second study file goes after the first, which has it)"
    return f"kind: {details['ctx']['tag']!r} is not legal: one of {legal}"


def _dotted(prefix: str, keys: Location) -> str:
    """`a.b[2].c` for ("b", 2, "c") under the prefix a; `study file` for the root itself."""
    text = prefix
    for key in keys:
        text += f"[{key}]" if isinstance(key, int) else f".{key}" if text else key
    return text or "the study"


def _walk(model: type[Section], location: Location) -> tuple[Location, type[Section] | None, FieldInfo | None, Any]:
    """Follow a location through the models.

    Returns:
        The keys as the user wrote them (pydantic puts a union's tag between them), the last model on the way, the field
        the location ends in, and the type that is expected there.
    """
    keys: list[int | str] = []
    here: Any = model
    parent, field = model, None
    for step in location:
        choices = _tagged(here)
        if step in choices:
            here = choices[step]
            parent = here
            continue
        if step == "[key]":
            continue
        keys.append(step)
        field = field if isinstance(step, int) else None  # A list's item has the list's description.
        if isinstance(here, type) and issubclass(here, Section):
            parent, field = here, here.model_fields.get(str(step))
            here = field.annotation if field is not None else None
        else:
            here = _element(here)
    return tuple(keys), parent, field, here


def _bare(annotation: Any) -> Any:
    """The annotation without `Annotated`."""
    return get_args(annotation)[0] if hasattr(annotation, "__metadata__") else annotation


def _tagged(annotation: Any) -> dict[str, type[Section]]:
    """The members of a union of sections by the value of their `kind`; empty for anything else."""
    bare = _bare(annotation)
    if get_origin(bare) not in (Union, types.UnionType):
        return {}
    members = [member for member in get_args(bare) if isinstance(member, type) and issubclass(member, Section)]
    return {
        get_args(member.model_fields["kind"].annotation)[0]: member
        for member in members
        if "kind" in member.model_fields
    }


def _element(annotation: Any) -> Any:
    """Type of the values of a mapping or the items of a sequence, None where there is none."""
    bare = _bare(annotation)
    arguments = get_args(bare)
    if not arguments:
        return None
    return _bare(arguments[-1]) if get_origin(bare) in (dict, Mapping) else _bare(arguments[0])
