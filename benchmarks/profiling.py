"""Where the time of both sides goes: the operations that take most, by torch's profiler."""

import torch
from torch.profiler import ProfilerActivity, profile

from benchmarks.measuring import Conditions, Row, Work

LINES = 8


def profiles(row: Row, conditions: Conditions) -> str:
    """The first lines of both sides' profiles, after one run to warm up: share of the time, calls, operation."""
    sides = zip(("ours", "reference"), row.sides(), strict=True)
    return "\n".join(f"{row.what}, {name}\n{_profile(work, conditions)}" for name, work in sides)


def _profile(work: Work, conditions: Conditions) -> str:
    work()
    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if conditions.cuda else [])]
    with profile(activities=activities, acc_events=True) as seen:
        work()
        if conditions.cuda:
            torch.cuda.synchronize(conditions.device)
    spent = {event.key: (_own_time(event, conditions), event.count) for event in seen.key_averages()}
    total = sum(time for time, _ in spent.values())
    first = sorted(spent.items(), key=lambda item: -item[1][0])[:LINES]
    lines = [f"  {100 * time / total:5.1f} %  {count:6d} x  {name}" for name, (time, count) in first]
    return "\n".join([f"  {total / 1e3:.0f} ms in operations", *lines])


def _own_time(event: torch.autograd.profiler_util.FunctionEventAvg, conditions: Conditions) -> float:
    """Microseconds in the operation itself, on the device that does the work."""
    return event.self_device_time_total if conditions.cuda else event.self_cpu_time_total
