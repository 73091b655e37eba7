"""What other stages have written into the folder where predictions shall go."""

from pathlib import Path

from wssis.errors import InputError
from wssis.formats.manifest import read_manifest


def refuse_foreign_outputs(out: Path, stage: str, names: set[str]) -> None:
    """Refuse a folder where files of these names belong to another stage, as the detections.json of an evaluation.

    stage: the one that will write them; its manifest is NAME.manifest.json.

    Raises:
        InputError: names the manifest.
    """
    there = {name for name in names if (out / name).exists()}
    if not there:  # Nothing can be lost, whatever else lies there and is called a manifest.
        return
    for manifest in sorted(out.glob("*manifest.json")):
        lost = there & read_manifest(manifest)["outputs"].keys()
        if lost and manifest.name != f"{stage}.manifest.json":
            files = ", ".join(sorted(lost))
            raise InputError(f"{out}: {manifest.name} lists {files}, which must not be lost; give another --out")
