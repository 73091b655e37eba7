"""metrics.jsonl once more, as TensorBoard's event files; on request, and without influence on anything else."""

from collections.abc import Mapping
from pathlib import Path

from wssis.errors import InputError
from wssis.formats.metrics_file import losses_of, parse_metrics

PATTERN = "events.out.tfevents.*"


class EventFiles:
    """Writes each line's losses as `loss/NAME` and its other figures as `training/NAME`.

    Args:
        folder: that of metrics.jsonl; event files of earlier runs of this training are replaced.
        text: the lines of metrics.jsonl so far; a resumed training begins with them.

    Raises:
        InputError: the package tensorboard is not installed.
    """

    def __init__(self, folder: Path, text: str) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:
            raise InputError(
                f"--tensorboard needs the package tensorboard ({error}): pip install 'wssis[tensorboard]'"
            ) from error
        for leftover in Path(folder).glob(PATTERN):
            leftover.unlink()
        self._writer = SummaryWriter(str(folder))
        for line in parse_metrics(text):
            self.write(line)

    def write(self, line: Mapping[str, float]) -> None:
        """Write one line of metrics.jsonl."""
        losses = losses_of(line)
        for name, value in line.items():
            if name != "step":
                kind = "loss" if name in losses else "training"
                self._writer.add_scalar(f"{kind}/{name}", value, int(line["step"]))
        self._writer.flush()

    def close(self) -> None:
        """Close the file."""
        self._writer.close()
