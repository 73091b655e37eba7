"""Row: point guidance, all levels, without backbone and heads, against a loop over points x levels."""

import torch

from benchmarks.measuring import Conditions, Row, Work
from benchmarks.references.point_guidance import guided
from benchmarks.scenes import PUBLISHED_SIZE, TEACHER, ellipses, random_outputs, resnet50
from wssis.models.point_guidance import point_guided

WANTED = {7: None, 50: 50.0}


def rows(conditions: Conditions) -> list[Row]:
    """7 and 50 points at the published test size, with the teacher's grids."""
    return [
        Row(
            f"point guidance, {count} points",
            lambda count=count: _sides(count, conditions),
            wanted,
            str(conditions.device),
        )
        for count, wanted in WANTED.items()
    ]


def _sides(count: int, conditions: Conditions) -> tuple[Work, Work]:
    outputs = random_outputs(resnet50(**TEACHER), PUBLISHED_SIZE, conditions.device)
    objects = ellipses(count, PUBLISHED_SIZE, seed=count)
    points, labels = objects.points.to(conditions.device), objects.labels.to(conditions.device)
    arguments = (outputs, points, labels, PUBLISHED_SIZE, PUBLISHED_SIZE)
    no_gradients = torch.inference_mode()
    return no_gradients(lambda: point_guided(*arguments)), no_gradients(lambda: guided(*arguments))
