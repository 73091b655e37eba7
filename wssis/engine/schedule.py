"""Learning rate as a pure function of the step: nothing to save, nothing to get out of step on resume."""

import math

from wssis.config.training import ScheduleSettings


def _warmup(schedule: ScheduleSettings, step: int) -> float:
    """Linear from `warmup_factor` at step 0 to 1 at step `warmup`."""
    if step >= schedule.warmup:
        return 1.0
    progress = step / schedule.warmup
    return schedule.warmup_factor * (1 - progress) + progress


def _decay(schedule: ScheduleSettings, step: int) -> float:
    if schedule.decay == "step":
        return schedule.gamma ** sum(step >= boundary for boundary in schedule.steps)
    if schedule.decay == "cosine":
        progress = max(0.0, (step - schedule.warmup) / (schedule.iterations - schedule.warmup))
        return schedule.gamma + (1 - schedule.gamma) * 0.5 * (1 + math.cos(math.pi * progress))
    return 1.0


def lr_factor(schedule: ScheduleSettings, step: int) -> float:
    """Learning rate of optimizer step `step` (from 0) over the full learning rate.

    `step` decay multiplies by gamma from each boundary on; `cosine` falls from 1 at the end of warm-up to gamma at
    `iterations`; warm-up multiplies either.
    """
    return _warmup(schedule, step) * _decay(schedule, step)
