"""The order of the samples, which no number of processes, passes or resumes changes."""

from itertools import chain
from math import ceil

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from wssis.engine.sampler import EpochOrder, SharedOrder, StepSampler, epoch_order, sample_seed
from wssis.errors import InputError


def _steps(sampler: StepSampler) -> list[list[tuple[int, int]]]:
    """Samples of each step, passes joined."""
    passes = list(sampler)
    width = sampler.passes
    return [list(chain(*passes[begin : begin + width])) for begin in range(0, len(passes), width)]


def _can_be_dealt_out(batch: int, world: int, micro: int) -> bool:
    """Whether every process has a sample for as many passes as the one with most samples."""
    return ceil(ceil(batch / world) / micro) <= batch // world


def test_each_epoch_is_a_permutation_of_its_own() -> None:
    assert sorted(epoch_order(7, 0, 0)) == list(range(7))
    assert list(epoch_order(50, 0, 0)) == list(epoch_order(50, 0, 0))
    assert list(epoch_order(50, 0, 0)) != list(epoch_order(50, 0, 1)) != list(epoch_order(50, 1, 0))


def test_seeds_of_samples_differ_by_seed_and_number() -> None:
    assert len({sample_seed(seed, number) for seed in range(5) for number in range(100)}) == 500


def test_every_image_comes_once_per_epoch() -> None:
    indices = [index for step in StepSampler(EpochOrder(6, 0), 4, 0, 0, 9) for index, _ in step]
    for epoch in range(6):
        assert sorted(indices[6 * epoch : 6 * epoch + 6]) == list(range(6))


@given(st.integers(1, 9), st.integers(1, 8), st.integers(0, 6), st.integers(1, 4), st.integers(1, 8))
def test_processes_passes_and_resumes_share_out_the_same_samples(
    size: int, batch: int, start: int, world: int, micro: int
) -> None:
    world = min(world, batch)
    assume(_can_be_dealt_out(batch, world, micro))
    whole = _steps(StepSampler(EpochOrder(size, 3), batch, 3, 0, 8))
    parts = [
        _steps(StepSampler(EpochOrder(size, 3), batch, 3, start, 8, rank=r, world=world, micro=micro))
        for r in range(world)
    ]
    for step, expected in enumerate(whole[start:]):
        for rank in range(world):
            assert parts[rank][step] == expected[rank::world]


@given(st.integers(1, 40), st.integers(1, 6), st.integers(1, 12))
def test_every_process_has_as_many_passes_and_none_is_empty_or_too_long(batch: int, world: int, micro: int) -> None:
    """A trained batch norm on several GPUs waits in every pass for the others."""
    world = min(world, batch)
    assume(_can_be_dealt_out(batch, world, micro))
    samplers = [StepSampler(EpochOrder(9, 0), batch, 0, 0, 1, rank=r, world=world, micro=micro) for r in range(world)]
    lengths = [[len(one) for one in sampler] for sampler in samplers]
    assert len({len(own) for own in lengths}) == 1
    assert all(1 <= one <= micro and max(own) - min(own) <= 1 for own in lengths for one in own)


def test_passes_are_no_longer_than_the_micro_batch() -> None:
    sampler = StepSampler(EpochOrder(10, 0), 7, 0, 0, 2, micro=3)
    assert [len(one) for one in sampler] == [2, 2, 3, 2, 2, 3]
    assert len(sampler) == 6


def test_what_cannot_be_shared_out_is_refused() -> None:
    with pytest.raises(InputError, match="no images"):
        EpochOrder(0, 0)
    with pytest.raises(InputError, match=r"batch \(2\)"):
        StepSampler(EpochOrder(5, 0), 2, 0, 0, 1, world=3)
    with pytest.raises(InputError, match=r"batch \(4\) cannot be dealt out to 3 .*micro_batch \(1\).* multiple of 3"):
        StepSampler(EpochOrder(5, 0), 4, 0, 0, 1, world=3, micro=1)


@pytest.mark.parametrize(("share", "batch", "first"), [(0.5, 4, 2), (0.01, 4, 1), (0.99, 4, 3), (0.25, 8, 2)])
def test_a_share_of_every_batch_from_one_group(share: float, batch: int, first: int) -> None:
    group, others = [1, 4, 5], [0, 2, 3, 6, 7]
    order = SharedOrder(group, others, share, batch, seed=3)
    steps = [[order.index(batch * step + place) for place in range(batch)] for step in range(15)]
    assert all(sum(index in group for index in step) == first for step in steps)
    for members, chosen in ((group, slice(0, first)), (others, slice(first, None))):
        drawn = list(chain(*(step[chosen] for step in steps)))
        size = len(members)
        for epoch in range(len(drawn) // size):
            assert sorted(drawn[size * epoch : size * epoch + size]) == members, "once per epoch of its own"
    assert steps[7] == [SharedOrder(group, others, share, batch, 3).index(7 * batch + place) for place in range(batch)]


def test_a_batch_of_one_cannot_be_shared() -> None:
    with pytest.raises(InputError, match=r"full_share needs an optimizer\.batch of 2 and more, not 1"):
        SharedOrder([0], [1], 0.5, 1, 0)
