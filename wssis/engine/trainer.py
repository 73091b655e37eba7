"""The one training loop, for teacher, refiner and student, on one CPU or many GPUs."""

import shutil
import time
from collections.abc import Mapping
from contextlib import closing, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from wssis.config.training import OptimizerSettings, ScheduleSettings
from wssis.engine.agreement import Agreement
from wssis.engine.deadline import StopRequest, TrainingStopped, job_end
from wssis.engine.device_words import device_words
from wssis.engine.distributed import World, joined_world, mean_over_processes, wait_for_all
from wssis.engine.feed import Feed
from wssis.engine.learner import Learner
from wssis.engine.loss_weights import loss_weights
from wssis.engine.losses import LossWatch
from wssis.engine.metrics import Metrics
from wssis.engine.norm_statistics import BATCHES, TRIED, check, measure, trained_norms
from wssis.engine.optimizer import set_lr
from wssis.engine.progress import Progress
from wssis.engine.reproducible import reproducible
from wssis.engine.sampler import StepSampler
from wssis.engine.schedule import lr_factor
from wssis.engine.state import load_state, random_states, save_state
from wssis.engine.task import Task
from wssis.formats.atomic import temporary_path
from wssis.formats.checkpoint import save_model

MODEL, METRICS = "model.safetensors", "metrics.jsonl"
SAVE_EVERY = 300.0
"""Seconds between two saves of the resume state."""


@dataclass(frozen=True)
class TrainSummary:
    """What a manifest says of a training, and the folder of its resume state, which the manifest makes needless."""

    steps: int
    resumed_from: int
    seconds: float
    images_per_second: float
    losses: dict[str, float]
    norm_check: dict[str, float]
    state: Path

    def counts(self) -> dict[str, int | float | str]:
        """As entries of a manifest's counts."""
        return {
            "steps": self.steps,
            "resumed_from_step": self.resumed_from,
            "training_seconds": round(self.seconds, 3),
            "images_per_second": round(self.images_per_second, 2),
            **{f"last_{name}": round(value, 6) for name, value in self.losses.items()},
            **{name: round(value, 6) for name, value in self.norm_check.items()},
        }


def snapshot_name(number: int) -> str:
    """File name of snapshot `number` (from 1)."""
    return f"snapshot{number}.safetensors"


class _Training:
    """One training from its first or resumed step to its last."""

    def __init__(
        self, task: Task, schedule: ScheduleSettings, optimizer: OptimizerSettings, seed: int, out: Path, state: Path,
        metadata: dict[str, str], snapshots: Mapping[int, str], workers: int, tensorboard: bool, world: World,
    ) -> None:  # fmt: skip
        self.task, self.schedule, self.settings, self.world = task, schedule, optimizer, world
        self.out, self.state_folder, self.metadata, self.snapshots = out, state, metadata, snapshots
        self.learner = Learner(task.model, optimizer, world)
        self.watch = LossWatch()
        found = load_state(state)
        self.resumed_from = self.step = 0 if found is None else found["step"]
        if found is not None:
            self.learner.load_state_dict(state, found)
            self.watch.load_state_dict(found["losses"])
        self.learner.connect()
        self.seed = seed
        self.sampler = self._sampler(self.step, schedule.iterations)
        self.feed = Feed(task, self.sampler, workers, world.device)
        past = {} if found is None else {"text": found["metrics"], "seconds": found["seconds"]}
        path = out / METRICS if world.main else None
        self.metrics = Metrics(path, optimizer.batch, tensorboard=tensorboard, **past)
        self.last: dict[str, Any] = {"rate": 0.0, "losses": {}} if found is None else found["last"]
        self.norm_check: dict[str, float] = {}
        self.agreement = Agreement(world, self.step)
        self.saved_at, self.save_seconds = time.monotonic(), 0.0

    def _sampler(self, start: int, stop: int) -> StepSampler:
        """This process's passes from step `start` to before step `stop`."""
        return StepSampler(
            self.task.order(self.settings.batch, self.seed), self.settings.batch, self.seed, start, stop,
            rank=self.world.rank, world=self.world.size, micro=self.settings.micro_batch,
        )  # fmt: skip

    def run(self, stop: StopRequest, progress: Progress) -> None:
        """All remaining steps."""
        for line in device_words(self.world):
            progress.say(line)
        if self.resumed_from:
            progress.say(f"resumed at step {self.step} of {self.schedule.iterations}")
        while self.step < self.schedule.iterations:
            self._one_step()
            self.step += 1
            progress.advance()
            self._take_snapshot()
            if self.metrics.due(self.step, self.schedule.iterations):
                self._report(progress)
            self._stop_or_save(stop, progress)
        self.watch.settle()
        if self.step > self.resumed_from:
            self._save()
        if trained_norms(self.learner.model):
            self._settle_norms()

    def _one_step(self) -> None:
        """One optimizer step: as many passes as the batch needs, their losses weighted to be those of one batch."""
        optimizer = self.learner.optimizer
        set_lr(optimizer, lr_factor(self.schedule, self.step))
        optimizer.zero_grad(set_to_none=True)
        batches = [next(self.feed) for _ in range(self.sampler.passes)]
        weights = loss_weights(self.task, batches, self.world)
        for batch, weight in zip(batches[:-1], weights[:-1], strict=True):
            self._one_pass(batch, weight, last=False)
        self._one_pass(batches[-1], weights[-1], last=True)
        if self.settings.clip is not None:
            nn.utils.clip_grad_norm_(self.learner.model.parameters(), self.settings.clip, foreach=True)
        optimizer.step()
        if self.learner.ema is not None:
            self.learner.ema.update()

    def _one_pass(self, batch: Any, weight: Tensor, last: bool) -> None:
        """Forward and backward of one batch; processes exchange gradients in the last pass only."""
        forward, ids = self.learner.forward, self.task.image_ids(batch)
        exchange = nullcontext() if last or self.world.size == 1 else forward.no_sync()
        with exchange:
            with self._precision():
                losses = self.task.losses(forward, batch)
            weighted = torch.stack([loss.float() for loss in losses.values()]) * weight
            self.watch.add(self.step + 1, ids, list(losses), weighted, len(ids) / self.sampler.share)
            weighted.sum().backward()

    def _settle_norms(self) -> None:
        """Measure the batch-norm statistics of the final weights on samples not yet seen, and try them."""
        model, stop = self.learner.model, self.schedule.iterations
        model.load_state_dict(self.learner.final_weights())
        trained = measure(model, self._bare_losses, self._further(stop, min(BATCHES, stop)))
        evaluated = check(model, self._bare_losses, self._further(stop, min(TRIED, stop)), trained)
        self.norm_check = {"final_loss_training_mode": trained, "final_loss_evaluation_mode": evaluated}

    def _further(self, start: int, steps: int) -> Feed:
        """The batches of the steps that would follow."""
        sampler = self._sampler(start, start + steps)
        return Feed(self.task, sampler, 0, self.world.device)

    def _bare_losses(self, batch: Any) -> dict[str, Tensor]:
        with self._precision():
            return self.task.losses(self.learner.model, batch)

    def _precision(self) -> torch.autocast:
        half = self.settings.precision == "bfloat16"
        return torch.autocast(self.world.device.type, torch.bfloat16, enabled=half)

    def _report(self, progress: Progress) -> None:
        losses = mean_over_processes(self.world, self.watch.means())
        lr = max(float(group["lr"]) for group in self.learner.optimizer.param_groups)
        rate = self.metrics.write(self.step, losses, lr, self.feed.waited, self.world.device)
        self.last = {"rate": rate, "losses": losses}
        progress.report(self.step, losses, rate)

    def _take_snapshot(self) -> None:
        """Snapshots wait with the resume state: the outputs' folder may be emptied before a retry."""
        for step, name in self.snapshots.items():
            if step == self.step and self.world.main:
                self.watch.settle()
                save_model(self.state_folder / name, self.learner.final_weights(), {**self.metadata, "step": str(step)})

    def _stop_or_save(self, stop: StopRequest, progress: Progress) -> None:
        reason = stop.reason(self.save_seconds)
        agreed = self.agreement.stopping(self.step, reason is not None)
        stopping = agreed and self.step < self.schedule.iterations
        if stopping or time.monotonic() - self.saved_at > SAVE_EVERY:
            self._save()
        if stopping:
            wait_for_all(self.world)
            reason = reason or "another process was told to"
            message = f"stopped after step {self.step} ({reason}); a rerun continues here"
            progress.say(message)
            raise TrainingStopped(message)

    def _save(self) -> None:
        """Write the resume state, after making sure that the weights are worth it."""
        begun = time.monotonic()
        self.watch.settle()
        if self.world.main:
            save_state(self.state_folder, {
                "step": self.step, **self.learner.state_dict(), "random": random_states(),
                "losses": self.watch.state_dict(), "metrics": self.metrics.text, "seconds": self.metrics.seconds,
                "last": self.last,
            })  # fmt: skip
        self.saved_at = time.monotonic()
        self.save_seconds = max(self.save_seconds, self.saved_at - begun)

    def finish(self) -> TrainSummary:
        """Write the outputs. The resume state stays: until a manifest vouches for them, they may be removed again."""
        if self.world.main:
            for name in self.snapshots.values():
                with temporary_path(self.out / name) as path:
                    shutil.copyfile(self.state_folder / name, path)
            metadata = {**self.metadata, "step": str(self.step)}
            save_model(self.out / MODEL, self.learner.final_weights(), metadata)
        wait_for_all(self.world)
        return TrainSummary(
            self.step, self.resumed_from, self.metrics.seconds, self.last["rate"], self.last["losses"],
            self.norm_check, self.state_folder,
        )  # fmt: skip


def train(
    task: Task,
    schedule: ScheduleSettings,
    optimizer: OptimizerSettings,
    seed: int,
    out: Path,
    state: Path,
    metadata: dict[str, str],
    snapshots: Mapping[int, str] | None = None,
    workers: int = 0,
    tensorboard: bool = False,
) -> TrainSummary:
    """Train `task.model` and write out/model.safetensors, the snapshots and out/metrics.jsonl.

    Args:
        task: network, data, losses; the network is trained in place.
        seed: of the order of the samples and of their augmentation; the network has been initialised already.
        out: folder of the outputs.
        state: folder of the resume state (`state_folder`); a state found there is continued. The last one is left for
            the caller to remove (`StageRun.discard`).
        metadata: of the checkpoints; `step` is added.
        snapshots: step -> file name in `out`.
        workers: processes that make samples; 0: this one. The samples do not depend on it.
        tensorboard: write TensorBoard's event files beside metrics.jsonl.

    Raises:
        NonFiniteLossError: names step and images.
        NormStatisticsError: trained batch norms fail in evaluation mode.
        InputError: no samples, a resume state that is corrupt or foreign, or a missing compiler or tensorboard.
        TrainingStopped: the state was saved at a signal or before the job's end.
    """
    with joined_world() as world, reproducible(world.device, optimizer.threads), StopRequest(job_end()) as stop:
        training = _Training(
            task, schedule, optimizer, seed, Path(out), Path(state), metadata, snapshots or {}, workers, tensorboard,
            world,
        )  # fmt: skip
        progress = Progress(state.parent.name, schedule.iterations, training.step, shown=world.main)
        with closing(training.metrics), progress:
            training.run(stop, progress)
        return training.finish()
