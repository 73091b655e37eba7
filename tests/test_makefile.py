"""What `make study` hands to Snakemake."""

import subprocess

import pytest
from dag_runs import REPOSITORY


@pytest.mark.parametrize(
    ("given", "handed"),
    [
        ([], ""),
        (["SEEDS=3"], """--config 'run={"seeds": [s0,s1,s2]}'"""),
        (["STUDY=studies/carparts.yaml"], "--configfile studies/carparts.yaml"),
        (["STUDY=studies/mine.yaml", "SEEDS=1"], """--configfile studies/mine.yaml --config 'run={"seeds": [s0]}'"""),
    ],
)
def test_a_study_keeps_its_own_seeds_unless_told(given: list[str], handed: str) -> None:
    done = subprocess.run(["make", "-n", "study", *given], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    (line,) = (line for line in done.stdout.splitlines() if line.startswith("snakemake"))
    assert line.split("--quiet reason host", 1)[1].strip() == handed
