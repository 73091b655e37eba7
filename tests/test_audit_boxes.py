"""wssis audit: boxes with points, and what was made from them; the content alone tells."""

from pathlib import Path

from tampering import RUN, edit, faults_of, give_input, tamper


def test_a_mask_that_leaked_into_the_boxes(study: Path) -> None:
    path = f"{RUN}/box_points.json"
    tamper(study, path, lambda coco: coco["annotations"][0].update(area=12))
    assert "in box_points.json it may hold bbox, category_id, id, image_id, point_coords" in faults_of(study)[path]


def test_a_point_in_a_box_without_its_label(study: Path) -> None:
    path = f"{RUN}/box_points.json"
    tamper(study, path, lambda coco: coco["annotations"][0]["point_labels"].pop())
    faults = faults_of(study)
    assert "has 10 points and the labels" in faults[path] and "by the settings each has 10" in faults[path]
    assert "counts: points is" in faults[f"{RUN}/box_points.manifest.json"]


def test_a_lost_box(study: Path) -> None:
    path = f"{RUN}/box_points.json"
    tamper(study, path, lambda coco: coco["annotations"].pop())
    faults = faults_of(study)
    for name in ("box_hidden_ids.csv", "pseudo/points10-selftrain.json"):
        assert "1 labels are not in box_points.json" in faults[f"{RUN}/{name}"]


def test_a_network_of_boxes_that_never_saw_one(study: Path) -> None:
    path = f"{RUN}/students/points10/manifest.json"
    edit(study / path, lambda one: one["inputs"].pop("box_points"))
    assert "was trained without boxes with points, which points10 pays for" in faults_of(study)[path]


def test_a_student_of_boxes_that_never_saw_one(study: Path) -> None:
    path = f"{RUN}/students/points10-solov2/manifest.json"
    edit(study / path, lambda one: one["inputs"].pop("box_points"))
    fault = faults_of(study)[path]
    assert "was trained without boxes with points, which points10-solov2 pays for" in fault
    assert "counts: images is" in fault and "counts: objects is" in fault


def test_a_student_of_other_labels_than_the_boxes_of_its_run(study: Path) -> None:
    path = f"{RUN}/students/points10-solov2/manifest.json"
    give_input(study, path, f"{RUN}/students/rough/manifest.json", "training_set", to="box_points")
    assert "here it is box_points.json of the run" in faults_of(study)[path]


def test_weights_in_the_place_of_boxes(study: Path) -> None:
    path = f"{RUN}/students/points10/manifest.json"
    give_input(study, path, f"{RUN}/students/points10/evaluate.manifest.json", "model", to="box_points")
    assert "cannot be checked" in faults_of(study)[path]


def test_a_student_that_owes_to_boxes_it_does_not_pay_for(study: Path) -> None:
    path = f"{RUN}/students/rough/manifest.json"
    give_input(study, path, f"{RUN}/students/points10/manifest.json", "box_points")
    assert "was made from boxes with points, which student does without here" in faults_of(study)[path]


def test_masks_in_boxes_by_another_network(study: Path) -> None:
    path = f"{RUN}/pseudo/points10-selftrain.json.manifest.json"
    give_input(study, path, f"{RUN}/proposals/weak.json.manifest.json", "teacher", to="model")
    assert "here it is students/points10/model.safetensors of the run" in faults_of(study)[path]
