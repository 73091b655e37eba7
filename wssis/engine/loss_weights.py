"""What a pass's losses weigh in a step of several passes or processes, so that the step equals one large batch.

A loss is a sum over a divisor, such as the number of positives. The sums of passes and processes add up; the divisor is
that of the whole step, which must be known before the first backward pass. Two things still differ from one large
batch: each pass is padded to its own largest image, which moves the grid cells where sizes differ, and trained batch
norms see one pass of all processes at a time.
"""

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from wssis.engine.distributed import World, sum_over_processes
from wssis.engine.task import Task


def loss_weights(task: Task, batches: Sequence[Any], world: World) -> list[Tensor]:
    """Weights of the losses of each of this process's passes, float32 (K,) or (1,), on the device.

    All 1 for a single pass of a single process. Gradients are averaged over the processes, hence the factor.
    """
    counts = [task.counts(batch) for batch in batches]
    whole = task.divisors(sum_over_processes(world, sum(counts)))
    own = [task.divisors(one).to(whole.device, non_blocking=True) for one in counts]
    return [(one / whole * world.size).float().to(world.device, non_blocking=True) for one in own]
