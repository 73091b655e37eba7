"""A backbone's initial weights, by the names of its body."""

from collections.abc import Mapping
from dataclasses import dataclass

from torch import Tensor, nn

from wssis.errors import InputError


@dataclass(frozen=True)
class InitialWeights:
    """What a backbone starts from.

    Attributes:
        source: the file, for messages.
        tensors: by the names of the backbone's body; those of a classifier may be among them.
    """

    source: str
    tensors: Mapping[str, Tensor]


def fill(body: nn.Module, initial: InitialWeights) -> None:
    """Copy tensors into `body`, by name; classifiers (top modules that `body` lacks) are left out.

    Raises InputError with the names of missing, unexpected and misshapen tensors.
    """
    own = body.state_dict()
    tops = {name.split(".")[0] for name in own}
    state = {name: value for name, value in initial.tensors.items() if name.split(".")[0] in tops}
    missing = [n for n in own if n not in state and not n.endswith("num_batches_tracked")]
    unexpected = [n for n in state if n not in own]
    wrong = [n for n in state if n in own and state[n].shape != own[n].shape]
    if missing or unexpected or wrong:
        raise InputError(
            f"{initial.source} does not fit the backbone: missing {_some(missing)}; unexpected {_some(unexpected)}; "
            f"other shape {_some(wrong)}"
        )
    body.load_state_dict({n: v.to(own[n].dtype) for n, v in state.items()}, strict=False)


def _some(names: list[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "") if names else "none"
