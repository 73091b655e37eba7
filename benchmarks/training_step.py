"""Rows: SOLOv2 training step, R50, 512 px, against the same network with targets and loss in loops.

A step is forward, targets, loss and backward, with gradients cleared before; channels_last, and on a GPU bfloat16
autocast, on both sides. Further rows leave out the network: targets, loss, and gradients of the dense outputs.
"""

from collections.abc import Callable

import torch
from torch import Tensor

from benchmarks.measuring import Conditions, Row, Work
from benchmarks.references.segmentor_loss import loss_by_loops
from benchmarks.scenes import TRAINING_SIZE, ellipses, random_images, random_outputs, random_segmentor, resnet50
from wssis.models.solov2.instances import Instances
from wssis.models.solov2.loss import solov2_loss

Loss = Callable[..., dict[str, Tensor]]

OBJECTS = (7, 50)
BATCH = {"cpu": 1, "cuda": 16}


def rows(conditions: Conditions) -> list[Row]:
    """Whole steps, then targets and loss alone."""
    where, batch = str(conditions.device), BATCH[conditions.device.type]
    wanted = {7: 2.0, 50: 2.0} if conditions.cuda else {7: None, 50: 1.5}
    steps = [
        Row(
            f"training step, {count} objects, batch {batch}",
            lambda count=count: _steps(count, conditions),
            least,
            where,
        )
        for count, least in wanted.items()
    ]
    losses = [
        Row(
            f"targets and loss alone, {count} objects, batch {batch}",
            lambda count=count: _losses(count, conditions),
            None,
            where,
        )
        for count in OBJECTS
    ]
    return steps + losses


def _steps(count: int, conditions: Conditions) -> tuple[Work, Work]:
    settings, device = resnet50(), conditions.device
    model = random_segmentor(settings, device).train().to(memory_format=torch.channels_last)
    batch = BATCH[device.type]
    images = model.batch(random_images(batch, TRAINING_SIZE, device)).contiguous(memory_format=torch.channels_last)
    instances = _instances(count, batch, device)

    def step(loss: Loss) -> None:
        model.zero_grad(set_to_none=True)
        with torch.autocast(device.type, torch.bfloat16, enabled=conditions.cuda):
            outputs = model(images)
        _total(loss(outputs, instances, settings, TRAINING_SIZE)).backward()

    return lambda: step(solov2_loss), lambda: step(loss_by_loops)


def _losses(count: int, conditions: Conditions) -> tuple[Work, Work]:
    settings, device = resnet50(), conditions.device
    batch = BATCH[device.type]
    one = random_outputs(settings, TRAINING_SIZE, device)
    leaves = [
        tensor.repeat(batch, 1, 1, 1).requires_grad_() for tensor in (*one.category, *one.kernel, one.mask_features)
    ]
    levels = len(one.category)
    outputs = type(one)(leaves[:levels], leaves[levels:-1], leaves[-1])
    instances = _instances(count, batch, device)

    def work(loss: Loss) -> None:
        torch.autograd.grad(_total(loss(outputs, instances, settings, TRAINING_SIZE)), leaves, materialize_grads=True)

    return lambda: work(solov2_loss), lambda: work(loss_by_loops)


def _instances(count: int, batch: int, device: torch.device) -> list[Instances]:
    return [ellipses(count, TRAINING_SIZE, seed=image).to(device) for image in range(batch)]


def _total(losses: dict[str, Tensor]) -> Tensor:
    return torch.stack(list(losses.values())).sum()
