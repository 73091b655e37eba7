"""The data sets of a study, checked as the study is going to read them."""

from pathlib import Path

from wssis.checking.check import Checked, check_parts
from wssis.checking.counted import counted_by_class
from wssis.checking.known import Labelling, Use, evaluated
from wssis.checking.parts import Contents, Part, half_labelled_parts
from wssis.config.half_labelled import HalfLabelledDataset
from wssis.config.lineage import Lineage, Place, Product
from wssis.config.locations import data_set_folder, image_folder, is_prepared
from wssis.config.plan import plan_rows
from wssis.config.resolve import resolve
from wssis.config.study import CocoDataset, ShapesDataset, Study
from wssis.errors import InputError
from wssis.formats.coco_normal import normal_form
from wssis.formats.remark import Fault
from wssis.stages.split import split_images
from wssis.stages.take_given import KINDS, hold_out


def check_study(study: Study, workers: int = 0) -> list[Checked]:
    """Check every data set that a study runs."""
    return [_check(study, name, workers) for name in study.run.datasets]


def _check(study: Study, name: str, workers: int) -> Checked:
    parts = parts_of(study, name)
    if not parts:
        return Checked(name, notes=["the embedded data set: the study has not drawn it yet"])
    half_labelled = isinstance(study.datasets[name], HalfLabelledDataset)
    return check_parts(
        name, parts, zero_area=study.prepare.zero_area, workers=workers,
        settings=resolve(study, "data_warnings"),
        use=lambda contents: (_taken if half_labelled else _split)(study, name, contents),
    )  # fmt: skip


def parts_of(study: Study, name: str) -> list[Part]:
    """The files of a data set; none where the study draws it, and has not yet."""
    given = study.datasets[name]
    folder = Path(data_set_folder(study, name))
    if isinstance(given, ShapesDataset) and not is_prepared(study, name):
        return []
    if isinstance(given, HalfLabelledDataset):
        return half_labelled_parts(
            full=(given.full_annotations, given.full_images),
            weak=(given.weak_annotations, given.weak_images),
            unlabelled=(given.unlabelled, given.unlabelled_images),
            val=(given.val_annotations, given.val_images),
        )
    files = {subset: folder / f"{subset}.json" for subset in ("train", "val")}
    if isinstance(given, CocoDataset):
        files = {"train": Path(given.train_annotations), "val": Path(given.val_annotations)}
    return [Part(subset, path, Path(image_folder(study, name, subset))) for subset, path in files.items()]


def _taken(study: Study, name: str, contents: Contents) -> Use:
    """The half-labelled files as the study takes them: without val_annotations, some masked images are held out."""
    given, settings = study.datasets[name], resolve(study, "take_given", dataset=name)
    path, (full, _) = Path(given.full_annotations), normal_form(contents["full"], study.prepare.zero_area)
    val = None
    if settings.val_share is not None:
        try:
            full, held = hold_out(full, settings, settings.val_share, path)
        except InputError as error:
            what, _, remedy = str(error).removeprefix(f"{path}: ").partition("; ")
            return Use(problems=[Fault("held-out images", what, remedy).at(str(path))])
        val = evaluated(f"{path}, held out", held["images"], held["annotations"])
    kinds = {
        (part, image["id"]): KINDS[part]
        for part, coco in (contents | {"full": full}).items() if part in KINDS for image in coco["images"]
    }  # fmt: skip
    clicks = counted_by_class(given.weak_annotations, contents["weak"]["annotations"])
    return Use([Labelling("", counted_by_class(str(path), full["annotations"]), kinds, clicks)], val=val)


def _split(study: Study, name: str, contents: Contents) -> Use:
    """Every split of a data set that the study makes, and those that it cannot make."""
    train, _ = normal_form(contents["train"], study.prepare.zero_area)
    lineage, split = Lineage(study), Product("split")
    labellings, problems = {}, []
    for row in (row for row in plan_rows(study) if row.dataset == name):
        place = Place(name, row.mix, row.seed)
        home = lineage.home(split, place, row.variant)
        run = f"{row.mix}/{row.seed}/{home}"
        if run in labellings:
            continue
        labellings[run] = None
        try:
            kinds = split_images(train, lineage.settings(split, place, home))
        except InputError as error:
            what, _, remedy = str(error).rpartition("; ")
            problems.append(Fault("split", what, remedy).at(study.datasets[name].train_annotations, run))
            continue
        file = f"{data_set_folder(study, name)}/{run}/full.json"
        masks = counted_by_class(file, (one for one in train["annotations"] if kinds[one["image_id"]] == "full"))
        of_train = {("train", image): kind for image, kind in kinds.items()}
        labellings[run] = Labelling(run, masks, of_train)
    return Use([one for one in labellings.values() if one is not None], problems)
