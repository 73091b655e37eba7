"""The arms there are: every module of this package that defines `ARM`."""

import importlib
import pkgutil
from collections.abc import Iterable
from functools import cache

import wssis.arms
from wssis.arms.arm import Arm
from wssis.errors import InputError

NOT_ARMS = ("arm", "registry")


@cache
def arms() -> dict[str, Arm]:
    """All arms by name, in alphabetical order of their modules.

    Raises:
        ValueError: two modules claim one name, or a module defines no `ARM`.
    """
    found: dict[str, Arm] = {}
    for module in pkgutil.iter_modules(wssis.arms.__path__):
        if module.name in NOT_ARMS:
            continue
        arm = getattr(importlib.import_module(f"wssis.arms.{module.name}"), "ARM", None)
        if not isinstance(arm, Arm):
            raise ValueError(f"wssis/arms/{module.name}.py defines no ARM")
        if arm.name in found:
            raise ValueError(f"two arms are called {arm.name}")
        found[arm.name] = arm
    return found


def get_arm(name: str) -> Arm:
    """The arm of that name; InputError names the legal ones."""
    if name not in arms():
        raise InputError(f"unknown arm {name!r}; the arms are {', '.join(arms())}")
    return arms()[name]


def with_teachers(names: Iterable[str]) -> list[str]:
    """Arms, each followed by the one whose student takes the teacher's place for it, which is trained for it anyway."""
    found: dict[str, None] = {}
    for name in names:
        found[name] = None
        if (teacher := get_arm(name).teacher) is not None:
            found |= dict.fromkeys(with_teachers([teacher]))
    return list(found)
