"""Everything wrong with a data set, and everything worth a look, in one pass over its files."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from wssis.checking.counted import Counted, counted
from wssis.checking.known import Evaluated, Known, Labelling, Looked, Use, evaluated
from wssis.checking.parts import (
    VAL,
    Contents,
    Part,
    annotation_problems,
    expected_images,
    missing_folders,
    read_parts,
)
from wssis.checking.survey import survey_images
from wssis.checking.validated import trained_and_validated
from wssis.checking.warn import all_warnings
from wssis.config.data_stages import DataWarningsSettings
from wssis.formats.coco_normal import normal_form
from wssis.formats.remark import Remark

KIND_OF = {"masks": "full", "points": "point", "none": "unlabelled"}
"""What a part's annotations hold -> the label kind of its images."""
NO_STUDY = (
    "size of the images beside that of training, and their objects beside the limit of detections: no study was given"
)


@dataclass(frozen=True)
class Checked:
    """What was found in one data set.

    Attributes:
        parts: name of a part -> what is in it, in words.
        notes: what was not looked at, and why.
    """

    name: str
    parts: dict[str, str] = field(default_factory=dict)
    problems: list[Remark] = field(default_factory=list)
    warnings: list[Remark] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


Uses = Callable[[Contents], Use]
"""From sound contents: what a study makes of them."""


def check_parts(
    name: str,
    parts: Sequence[Part],
    *,
    zero_area: str = "refuse",
    workers: int = 0,
    settings: DataWarningsSettings | None = None,
    use: Uses | None = None,
) -> Checked:
    """Check annotations and images of all parts.

    Args:
        name: of the data set.
        zero_area: as `prepare` takes it.
        workers: processes that look at images; the result does not depend on it.
        settings: what the study says that warnings are made from; None without a study.
        use: left out, the parts say which images have masks and which are validated on.
    """
    contents, problems = read_parts(parts)
    problems += annotation_problems(parts, contents, zero_area)
    problems += trained_and_validated(parts, contents)
    problems += missing_folders(parts)
    survey = survey_images(expected_images(parts, contents), workers)
    problems += survey.problems
    inside = {part.name: _in_words(part, contents) for part in parts}
    notes = [] if settings else [NO_STUDY]
    known = Known(Looked(survey.rows, survey.facts), settings=settings)
    if problems:
        notes.append("classes and splits: looked at when there is no problem left")
    else:
        labels = {part.name: counted(str(part.annotations), contents[part.name]["annotations"]) for part in parts}
        made = use(contents) if use else Use(_as_given(parts, contents, labels))
        problems = list(made.problems)
        known = replace(
            known, categories=contents[parts[0].name]["categories"], labellings=made.labellings,
            val=made.val or _validated(parts, contents, zero_area),
            labels=tuple(labels.values()),
        )  # fmt: skip
    return Checked(name, inside, problems, all_warnings(known), notes)


def _validated(parts: Sequence[Part], contents: Contents, zero_area: str) -> Evaluated | None:
    """The part to validate on, if there is one."""
    val = next((part for part in parts if part.name == VAL), None)
    if val is None:
        return None
    coco, _ = normal_form(contents[VAL], zero_area)
    return evaluated(str(val.annotations), coco["images"], coco["annotations"])


def _as_given(parts: Sequence[Part], contents: Contents, labels: Mapping[str, Counted]) -> list[Labelling]:
    """The labelling that the parts themselves are; none where no part to train on has masks."""
    training = [part for part in parts if part.name != VAL]
    full = next((part for part in training if part.labels == "masks"), None)
    if full is None:
        return []
    kinds = {(p.name, image["id"]): KIND_OF[p.labels] for p in training for image in contents[p.name]["images"]}
    weak = next((part for part in training if part.labels == "points"), None)
    return [Labelling("", labels[full.name], kinds, None if weak is None else labels[weak.name])]


def _in_words(part: Part, contents: Contents) -> str:
    if part.name not in contents:
        return f"{part.annotations}: not readable"
    images, annotations = (len(contents[part.name][key]) for key in ("images", "annotations"))
    return f"{part.annotations}: {images} images, {annotations} annotations"
