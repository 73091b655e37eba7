"""The base of every settings section: frozen, and closed to unknown keys; and the type of a range.

`XSection` is what a user writes under `x:` in config.yaml. `XSettings` is exactly what stage x is given: the section,
and what the resolver adds (seed, fold, threads, masks of the arm). A new key belongs in the section, unless the
resolver sets it.
"""

from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

Number = TypeVar("Number", int, float)


class Section(BaseModel):
    """One section of the settings; an unknown key or a wrong type is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True, allow_inf_nan=False)


def added_field(default: Any, **options: Any) -> Any:
    """A field that came later: at its default it is not written out, so that the settings of what was run before it
    existed are the same text as ever and nothing runs again. Its default must never change.
    """
    return Field(default, exclude_if=lambda value: value == default, **options)


def _ordered(pair: tuple[Number, Number]) -> tuple[Number, Number]:
    if not 0 <= pair[0] <= pair[1]:
        raise ValueError(f"needs [low, high] with 0 <= low <= high, not {list(pair)}")
    return pair


Range = Annotated[tuple[float, float], AfterValidator(_ordered)]
Counts = Annotated[tuple[int, int], AfterValidator(_ordered)]
