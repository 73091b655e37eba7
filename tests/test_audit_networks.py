"""wssis audit: metrics and scores that are not those of the training; the content alone tells."""

from pathlib import Path

import torch
from audit_fixtures import reseal
from tampering import RUN, faults_of, lose_last_line, tamper

from wssis.audit.checkpoint_facts import checkpoint_facts
from wssis.formats.checkpoint import load_model, save_model


def test_metrics_that_end_early(study: Path) -> None:
    path = f"{RUN}/teacher/metrics.jsonl"
    lose_last_line(study, path)
    assert "ends at step 20; the settings say 40" in faults_of(study)[path]


def test_a_better_score(study: Path) -> None:
    path = f"{RUN}/students/wssis/scores.json"
    tamper(study, path, lambda scores: scores.update(AP=99.0))
    faults = faults_of(study)
    assert "AP is 99.0, its manifest says" in faults[path] and "that file says 99.0" in faults["report/scores.csv"]


def test_a_better_score_in_the_table_alone(study: Path) -> None:
    path = "report/scores.csv"
    text = (study / path).read_text()
    first = text.splitlines()[1].split(",")
    (study / path).write_text(text.replace(first[9], "99.0", 1))
    reseal(study, path)
    assert "AP of shapes/50pct/s0/base/teacher/scores.json is 99.0" in faults_of(study)[path]


def test_a_row_of_the_table_that_is_repeated(study: Path) -> None:
    """With another AP: the right one follows it."""
    path = "report/scores.csv"
    head, first, *rows = (study / path).read_text().splitlines()
    cells = first.split(",")
    better = ",".join([*cells[:9], "99.0", *cells[10:]])
    (study / path).write_text("\n".join([head, better, first, *rows]) + "\n")
    reseal(study, path)
    fault = faults_of(study)[path]
    assert "has more than one row of shapes/50pct/s0/base/teacher/scores.json" in fault and "is 99.0" in fault


def test_weights_that_are_no_numbers(study: Path) -> None:
    path = f"{RUN}/students/wssis/model.safetensors"
    weights, metadata = load_model(study / path)
    weights["head.weight"][1, 2] = float("nan")
    save_model(study / path, weights, metadata)
    reseal(study, path)
    assert "head.weight has 1 values that are not finite" in faults_of(study)[path]


def test_weights_that_numpy_has_no_word_for(tmp_path: Path) -> None:
    save_model(tmp_path / "model.safetensors", {"w": torch.ones(2, dtype=torch.bfloat16)}, {"kind": "solov2"})
    assert checkpoint_facts(tmp_path / "model.safetensors")["problems"] == []
