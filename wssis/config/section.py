"""The base of every settings section: frozen, and closed to unknown keys; and the type of a range."""

from typing import Annotated, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict

Number = TypeVar("Number", int, float)


class Section(BaseModel):
    """One section of the settings; an unknown key or a wrong type is refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True, allow_inf_nan=False)


def _ordered(pair: tuple[Number, Number]) -> tuple[Number, Number]:
    if not 0 <= pair[0] <= pair[1]:
        raise ValueError(f"needs [low, high] with 0 <= low <= high, not {list(pair)}")
    return pair


Range = Annotated[tuple[float, float], AfterValidator(_ordered)]
Counts = Annotated[tuple[int, int], AfterValidator(_ordered)]
