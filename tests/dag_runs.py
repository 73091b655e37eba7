"""A throw-away clone of the workflow whose commands are stood in for: the real DAG, and jobs that take milliseconds."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import yaml
from snakemake_forks import run_snakemake

REPOSITORY = Path(__file__).resolve().parents[1]
PARTS = ("Snakefile", "config.yaml", "rules", "wssis", "profiles", "studies")
STUDY = "study.yaml"

# Stands in for `python -m wssis COMMAND`: writes the outputs that the command would, as a function of its settings.
PYTHON = f"""#!{sys.executable}
import os, sys
from pathlib import Path
if sys.argv[1:3] != ["-m", "wssis"]:
    os.execv({sys.executable!r}, [{sys.executable!r}, *sys.argv[1:]])
command, words = sys.argv[3], sys.argv[4:]
if command == "check-networks":
    if "no_such" in words[-1]:
        print("error: refiner: timm has no such", file=sys.stderr)
        sys.exit(2)
    sys.exit(0)
options = dict(zip(words, words[1:]))
out = Path(options["--out"])
beside = [out, Path(f"{{out}}.manifest.json")]
training = ["model.safetensors", "metrics.jsonl", "manifest.json"]
folders = {{
    "prepare": ["train.json", "val.json", "prepare.manifest.json"],
    "split": ["split.csv", "full.json", "unlabelled.json", "split.manifest.json"],
    "take-given": ["train.json", "val.json", "given.csv", "prepare.manifest.json"],
    "split-given": ["split.csv", "full.json", "unlabelled.json", "split.manifest.json"],
    "points-given": ["full_points.csv", "weak.json", "points.manifest.json"],
    "points": ["full_points.csv", "weak.json", "hidden_ids.csv", "points.manifest.json"],
    "train-teacher": [*training, "snapshot1.safetensors", "snapshot2.safetensors"],
    "train-fold": training,
    "train-refiner": training,
    "train-student": training,
    "box-points": ["box_points.json", "box_hidden_ids.csv", "box_points.manifest.json"],
    "train-box-student": training,
    "evaluate": ["detections.json", "scores.json", "evaluate.manifest.json"],
    "report": ["index.html", "gallery.html", "scores.csv", "curves.json", "tables/arms.csv", "manifest.json"],
}}
if command == "crops":
    out.mkdir(parents=True)
    beside = [out / "zarr.json", beside[1]]
files = [out / name for name in folders[command]] if command in folders else beside
files += [Path(options[name]) for name in ("--ledger", "--shown") if name in options]
files += [out.with_name("image_facts.csv")] if command == "check-images" else []
for file in files:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(command + options["--settings"])
"""

FAKE_STUDY = {
    "study": "fake",
    "run": {
        "datasets": ["cars"],
        "mixes": ["10pct"],
        "seeds": ["s0"],
        "arms": ["supervised", "rough", "wssis", "oracle"],
    },
    "datasets": {
        "cars": {
            "kind": "coco",
            "train_annotations": "data/train.json",
            "val_annotations": "data/val.json",
            "train_images": "data/images",
            "val_images": "data/images",
        }
    },
    # With more kinds of jobs than the default has.
    "refiner": {"pairs": "crossfit"},
}


def copy_workflow(folder: Path) -> None:
    """Copy the workflow and the package into a new folder."""
    folder.mkdir()
    for part in PARTS:
        source = REPOSITORY / part
        if source.is_dir():
            half_written = shutil.ignore_patterns("*.pyc.*")  # By another test process, which imports just now.
            shutil.copytree(source, folder / part, ignore=half_written)
        else:
            shutil.copy2(source, folder / part)


class Clone:
    """A folder with a copy of the workflow and the package, and a fake study.

    Attributes:
        folder: where it is; tests edit its files.
        study: content of the study file, written out before every run.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.study = yaml.safe_load(yaml.safe_dump(FAKE_STUDY))

    @classmethod
    def create(cls, folder: Path) -> "Clone":
        """Copy the workflow and make up data: nothing reads them but Snakemake."""
        copy_workflow(folder)
        (folder / "bin").mkdir()
        (folder / "bin" / "python").write_text(PYTHON)
        (folder / "bin" / "python").chmod(0o755)
        (folder / "data" / "images").mkdir(parents=True)
        for name in ("train", "val"):
            (folder / "data" / f"{name}.json").write_text("{}")
        return cls(folder)

    def copy(self, folder: Path) -> "Clone":
        """A clone of the clone, with results, times and Snakemake's records."""
        shutil.copytree(self.folder, folder)
        return Clone(folder)

    def snakemake(self, *arguments: str, study: str | None = STUDY) -> subprocess.CompletedProcess[str]:
        """Run Snakemake in the clone; a `torch` that cannot be imported proves that nothing tries to."""
        return run_snakemake(self._prepared(arguments, study), self.folder, self._environment())

    def new_snakemake(self, *arguments: str, study: str | None = STUDY) -> subprocess.CompletedProcess[str]:
        """The same as a user starts it: with its imports, hashes of its own, and times that RUSAGE_CHILDREN counts."""
        command = [sys.executable, "-m", "snakemake", *self._prepared(arguments, study)]
        given = {"cwd": self.folder, "env": self._environment()}
        return subprocess.run(command, **given, text=True, capture_output=True, check=False)

    def _prepared(self, arguments: tuple[str, ...], study: str | None) -> list[str]:
        """Write the study file; all arguments."""
        (self.folder / STUDY).write_text(yaml.safe_dump(self.study))
        (self.folder / "bin" / "torch.py").write_text("raise SystemExit('torch was imported')")
        return [*arguments, *(["--configfile", study] if study else [])]

    def _environment(self) -> dict[str, str]:
        paths = [str(self.folder / "bin"), str(self.folder)]
        return os.environ | {
            "PATH": os.pathsep.join([paths[0], os.environ["PATH"]]),
            "PYTHONPATH": os.pathsep.join(paths),
            "PYTHONDONTWRITEBYTECODE": "1",
        }

    def build(self) -> None:
        """Run the whole study."""
        done = self.snakemake("--cores", "4")
        assert done.returncode == 0, done.stdout + done.stderr

    def planned(self, *arguments: str) -> dict[str, int]:
        """Rules that a run would start now, with their numbers of jobs; without `all`."""
        done = self.snakemake("-n", *arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        return planned_jobs(done.stdout + done.stderr)

    def edit(self, path: str, old: str, new: str) -> None:
        """Replace the one occurrence of a text in a file."""
        text = (self.folder / path).read_text()
        assert text.count(old) == 1, f"{path}: {text.count(old)} times {old!r}"
        (self.folder / path).write_text(text.replace(old, new))

    def append(self, path: str, text: str) -> None:
        """Add a text to the end of a file."""
        with (self.folder / path).open("a") as stream:
            stream.write(text)


def planned_jobs(output: str) -> dict[str, int]:
    """The table of jobs that Snakemake prints, without `all`."""
    if "Job stats:" not in output:
        assert "Nothing to be done" in output, output
        return {}
    table = output.split("Job stats:")[-1].split("total")[0]
    jobs = {name: int(count) for name, count in re.findall(r"^(\w+) +(\d+)$", table, flags=re.MULTILINE)}
    return {name: count for name, count in jobs.items() if name != "all"}
