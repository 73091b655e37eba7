"""The command line: one command per stage, each a pure function of settings and paths.

Heavy imports stay inside the commands, so that `wssis --help` is instant. Settings arrive as the JSON of the stage's
settings model; what is left out has its default. Bad input ends with one message and exit status 2.
"""

import errno
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, TypeVar

import typer
from pydantic import ValidationError

from wssis.annotate.commands import annotate
from wssis.audit.commands import audit, export_study, show, trace
from wssis.checking.commands import check_data
from wssis.config import stages
from wssis.config.half_labelled import GivenSplitSettings, TakeGivenSettings
from wssis.config.maskrcnn import BoxStudentSettings
from wssis.config.messages import problems_of
from wssis.config.section import Section
from wssis.convert.commands import convert, export, join
from wssis.errors import InputError
from wssis.overview.commands import budget, plan, status
from wssis.predicting.commands import export_onnx, predict

app = typer.Typer(
    name="wssis",
    help="Weakly semi-supervised instance segmentation: one command per stage of a study.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
DISK_FULL = (errno.ENOSPC, errno.EDQUOT)
SomeSection = TypeVar("SomeSection", bound=Section)

Settings = Annotated[str, typer.Option("--settings", help="The stage's settings as JSON; missing keys: defaults.")]
Train = Annotated[Path, typer.Option(help="train.json of the data set.")]
Val = Annotated[Path, typer.Option(help="val.json of the data set.")]
Full = Annotated[Path, typer.Option(help="full.json of the run: the images with masks.")]
Weak = Annotated[Path, typer.Option(help="weak.json of the run: the images with points.")]
ImagesTable = Annotated[Path, typer.Option(help="images.csv: size and sha256 of every image.")]


def joined_folder(context: typer.Context, folder: Path) -> Path:
    """The image folder that an option names; of several, a:b, one with links to their files, for as long as the command
    runs."""
    from wssis.formats.image_folders import one_folder

    return context.with_resource(one_folder(str(folder)))


ImageDir = Annotated[
    Path, typer.Option(help="Folder of the images, or several, A:B; a location, no setting.", callback=joined_folder)
]
OptionalFolder = Annotated[
    Path | None, typer.Option(help="Image folder, looked at only where annotations are refused, to name all problems.")
]
StateRoot = Annotated[Path, typer.Option(help="Folder for what an interrupted training resumes from.")]
Proposals = Annotated[Path, typer.Option(help="proposals/{full,weak}.json of the run.")]
OutFolder = Annotated[Path, typer.Option(help="Folder of the outputs.")]
OutFile = Annotated[Path, typer.Option(help="The output; its manifest lies beside it.")]
Workers = Annotated[int, typer.Option(min=0, help="Worker processes; results do not depend on it.")]
TensorBoard = Annotated[
    bool, typer.Option("--tensorboard", help="Write TensorBoard's event files, too; needs the extra `tensorboard`.")
]


def parse_settings(model: type[SomeSection], text: str) -> SomeSection:
    """The settings that a JSON text describes.

    Raises:
        InputError: one line per problem, naming the key and what is legal.
    """
    try:
        return model.model_validate_json(text, strict=True)
    except ValidationError as error:
        raise InputError("\n".join(["--settings:", *(f"  {line}" for line in problems_of(error, model))])) from None


def parse_pairs(option: str, texts: Sequence[str]) -> dict[str, Path]:
    """{"a": Path("b")} of ["a=b"], in the given order.

    Raises:
        InputError: a text is not NAME=PATH, or a name comes twice.
    """
    pairs: dict[str, Path] = {}
    for text in texts:
        name, equals, path = text.partition("=")
        if not (name and equals and path):
            raise InputError(f"{option}: expected NAME=PATH, not {text!r}")
        if name in pairs:
            raise InputError(f"{option}: {name!r} is given twice; each name may occur once")
        pairs[name] = Path(path)
    return pairs


@app.command()
def prepare(
    train_annotations: Train,
    val_annotations: Val,
    out: OutFolder,
    train_images: OptionalFolder = None,
    val_images: OptionalFolder = None,
    workers: Workers = 0,
    settings: Settings = "{}",
) -> None:
    """Check a data set's annotations and write train.json, val.json."""
    from wssis.stages.prepare import run

    parsed = parse_settings(stages.PrepareSettings, settings)
    run(parsed, train_annotations, val_annotations, out, train_images, val_images, workers)


@app.command()
def take_given(
    full: Annotated[Path, typer.Option(help="COCO file of the images with masks.")],
    weak: Annotated[Path, typer.Option(help="COCO file of the images with a point per object.")],
    out: OutFolder,
    unlabelled: Annotated[Path | None, typer.Option(help="COCO file of the images nobody looked at.")] = None,
    val: Annotated[Path | None, typer.Option(help="COCO file of the validation images; none: hold some out.")] = None,
    full_images: OptionalFolder = None,
    weak_images: OptionalFolder = None,
    unlabelled_images: OptionalFolder = None,
    val_images: OptionalFolder = None,
    workers: Workers = 0,
    settings: Settings = "{}",
) -> None:
    """Check half-labelled files and write train.json, val.json, given.csv."""
    from wssis.stages.take_given import run

    run(
        parse_settings(TakeGivenSettings, settings),
        full=(full, full_images), weak=(weak, weak_images), unlabelled=(unlabelled, unlabelled_images),
        val=(val, val_images), out=out, workers=workers,
    )  # fmt: skip


@app.command()
def generate(out: OutFolder, settings: Settings = "{}") -> None:
    """Draw the embedded data set `shapes`: train.json, val.json, images/."""
    from wssis.stages.generate import run

    run(parse_settings(stages.GenerateSettings, settings), out)


@app.command()
def check_images(
    train: Train,
    val: Val,
    train_images: ImageDir,
    val_images: ImageDir,
    out: OutFile,
    workers: Workers = 0,
    settings: Settings = "{}",
) -> None:
    """Open and hash every image: images.csv."""
    from wssis.stages.check_images import run

    run(parse_settings(stages.PrepareSettings, settings), train, val, train_images, val_images, out, workers)


@app.command()
def split(train: Train, out: OutFolder, settings: Settings = "{}") -> None:
    """Draw which images have masks: split.csv, full.json, unlabelled.json."""
    from wssis.stages.split import run

    run(parse_settings(stages.SplitSettings, settings), train, out)


@app.command()
def split_given(
    train: Train,
    given: Annotated[Path, typer.Option(help="given.csv of the data set: the label kind of every image.")],
    out: OutFolder,
    settings: Settings = "{}",
) -> None:
    """Take the split of half-labelled files: split.csv, full.json, unlabelled.json."""
    from wssis.stages.split_given import run

    run(parse_settings(GivenSplitSettings, settings), train, given, out)


@app.command()
def points_given(
    train: Train,
    split: Annotated[Path, typer.Option(help="split.csv of the run.")],
    full: Full,
    out: OutFolder,
    workers: Workers = 0,
    settings: Settings = "{}",
) -> None:
    """Take the clicks of half-labelled files, simulate points on full images: weak.json, full_points.csv."""
    from wssis.stages.points_given import run

    run(parse_settings(stages.PointsSettings, settings), train, split, full, out, workers)


@app.command()
def data_warnings(
    val: Val,
    images_table: ImagesTable,
    image_facts: Annotated[Path, typer.Option(help="image_facts.csv, beside images.csv.")],
    out: OutFile,
    split: Annotated[list[Path] | None, typer.Option(help="Folder of a run with split.csv and full.json.")] = None,
    settings: Settings = "{}",
) -> None:
    """What is worth a look in a data set without problems: data_warnings.json."""
    from wssis.stages.data_warnings import run

    run(parse_settings(stages.DataWarningsSettings, settings), val, images_table, image_facts, split or (), out)


@app.command()
def points(
    train: Train,
    split: Annotated[Path, typer.Option(help="split.csv of the run.")],
    full: Full,
    out: OutFolder,
    workers: Workers = 0,
    settings: Settings = "{}",
) -> None:
    """Simulate one point per object: full_points.csv, weak.json, hidden_ids.csv."""
    from wssis.stages.points import run

    run(parse_settings(stages.PointsSettings, settings), train, split, full, out, workers)


@app.command()
def box_points(
    train: Train,
    split: Annotated[Path, typer.Option(help="split.csv of the run.")],
    out: OutFolder,
    settings: Settings = "{}",
) -> None:
    """Simulate a box and labelled points per object, or take given ones: box_points.json, box_hidden_ids.csv."""
    from wssis.config.box_points import BoxPointsSettings
    from wssis.stages.box_points import run

    run(parse_settings(BoxPointsSettings, settings), train, split, out)


@app.command()
def train_teacher(
    full: Full,
    images_table: ImagesTable,
    image_dir: ImageDir,
    state_root: StateRoot,
    out: OutFolder,
    workers: Workers = 0,
    tensorboard: TensorBoard = False,
    settings: Settings = "{}",
) -> None:
    """Train the teacher on the images with masks."""
    from wssis.stages.teacher import run

    run(
        parse_settings(stages.TeacherSettings, settings),
        full, images_table, image_dir, state_root, out, workers, tensorboard,
    )  # fmt: skip


@app.command()
def train_fold(
    full: Full,
    images_table: ImagesTable,
    image_dir: ImageDir,
    state_root: StateRoot,
    out: OutFolder,
    workers: Workers = 0,
    tensorboard: TensorBoard = False,
    settings: Settings = "{}",
) -> None:
    """Train a cross-fitting teacher without one fold of the images with masks."""
    from wssis.stages.fold import run

    run(
        parse_settings(stages.FoldSettings, settings),
        full, images_table, image_dir, state_root, out, workers, tensorboard,
    )  # fmt: skip


@app.command()
def propose(
    side: Annotated[str, typer.Option(help="full or weak.")],
    annotations: Annotated[Path, typer.Option(help="full.json or weak.json of the run.")],
    images_table: ImagesTable,
    image_dir: ImageDir,
    out: OutFile,
    ledger: Annotated[Path, typer.Option(help="CSV: what became of every point.")],
    predictor: Annotated[
        list[str] | None,
        typer.Option(help="NAME=CHECKPOINT: teacher, fold0 ..., snapshot1, snapshot2; none for corrupt pairs."),
    ] = None,
    full_points: Annotated[Path | None, typer.Option(help="full_points.csv, for the full side.")] = None,
    settings: Settings = "{}",
) -> None:
    """Filter dense predictions by the points: rough masks and their ledger."""
    from wssis.stages.proposals import run

    run(
        parse_settings(stages.ProposalsSettings, settings),
        side=side,
        annotations=annotations,
        predictors=parse_pairs("--predictor", predictor or []),
        images_table=images_table,
        image_dir=image_dir,
        out=out,
        ledger=ledger,
        full_points=full_points,
    )


@app.command()
def crops(
    proposals: Proposals,
    median_boxes_from: Full,
    image_dir: ImageDir,
    images_table: ImagesTable,
    out: OutFile,
    targets: Annotated[Path | None, typer.Option(help="full.json, to pair proposals with true masks.")] = None,
    temporary: Annotated[bool, typer.Option("--temporary", help="The manifest says that the store will go.")] = False,
    workers: Workers = 0,
    settings: Settings = "{}",
) -> None:
    """Cut one window per proposal into a Zarr store."""
    from wssis.stages.crops import run

    run(
        parse_settings(stages.CropsSettings, settings),
        proposals=proposals,
        median_boxes_from=median_boxes_from,
        image_dir=image_dir,
        images_table=images_table,
        out=out,
        targets=targets,
        workers=workers,
        temporary=temporary,
    )


@app.command()
def train_refiner(
    crops: Annotated[Path, typer.Option(help="Store of the full side's crops.")],
    state_root: StateRoot,
    out: OutFolder,
    workers: Workers = 0,
    tensorboard: TensorBoard = False,
    settings: Settings = "{}",
) -> None:
    """Train MaskRefineNet on the full side's crops."""
    from wssis.stages.refiner import run

    run(parse_settings(stages.RefinerSettings, settings), crops, state_root, out, workers, tensorboard)


@app.command()
def pseudo(
    full: Full,
    weak: Weak,
    proposals: Proposals,
    out: OutFile,
    crops: Annotated[Path | None, typer.Option(help="Store of the weak side's crops (refined masks).")] = None,
    refiner: Annotated[Path | None, typer.Option(help="The refiner's model.safetensors (refined masks).")] = None,
    settings: Settings = "{}",
) -> None:
    """Put an arm's training set together: full masks and pseudo masks."""
    from wssis.stages.pseudo import run

    run(parse_settings(stages.PseudoSettings, settings), full, weak, proposals, out, crops=crops, refiner=refiner)


@app.command()
def score_thresholds(
    full: Full,
    predictor: Annotated[list[str], typer.Option(help="NAME=CHECKPOINT of every fold teacher: fold0 ...")],
    images_table: ImagesTable,
    image_dir: ImageDir,
    out: OutFile,
    settings: Settings = "{}",
) -> None:
    """Choose, per class, how sure a detection must be to become a label, from out-of-fold predictions."""
    from wssis.stages.score_thresholds import run

    chosen = parse_settings(stages.ScoreThresholdsSettings, settings)
    run(chosen, full, parse_pairs("--predictor", predictor), images_table, image_dir, out)


@app.command()
def confident_labels(
    full: Full,
    split: Annotated[Path, typer.Option(help="split.csv of the run.")],
    thresholds: Annotated[Path, typer.Option(help="thresholds.csv of the run.")],
    teacher: Annotated[Path, typer.Option(help="The teacher's model.safetensors.")],
    images_table: ImagesTable,
    image_dir: ImageDir,
    out: OutFile,
    settings: Settings = "{}",
) -> None:
    """Put the training set of semi together: full masks and the teacher's confident detections, no points."""
    from wssis.stages.confident_labels import run

    chosen = parse_settings(stages.ConfidentLabelsSettings, settings)
    run(chosen, full, split, thresholds, teacher, images_table, image_dir, out)


@app.command()
def box_pseudo(
    full: Full,
    box_points: Annotated[Path, typer.Option(help="box_points.json of the run.")],
    model: Annotated[Path, typer.Option(help="model.safetensors of a student of boxes with points.")],
    images_table: ImagesTable,
    image_dir: ImageDir,
    out: OutFile,
    settings: Settings = "{}",
) -> None:
    """Put a training set together: full masks, and the masks that a network predicts in the given boxes."""
    from wssis.config.box_points import BoxPseudoSettings
    from wssis.stages.box_pseudo import run

    run(parse_settings(BoxPseudoSettings, settings), full, box_points, model, images_table, image_dir, out)


@app.command()
def oracle_mask(
    train: Train,
    full: Full,
    weak: Weak,
    hidden_ids: Annotated[Path, typer.Option(help="hidden_ids.csv of the run.")],
    out: OutFile,
    settings: Settings = "{}",
) -> None:
    """Put the training set of oracle-mask together: full masks, and the hidden masks of the weak points."""
    from wssis.stages.oracle_mask import run

    run(parse_settings(stages.OracleMaskSettings, settings), train, full, weak, hidden_ids, out)


@app.command()
def train_student(
    training_set: Annotated[Path, typer.Option(help="full.json or pseudo/{arm}.json of the run.")],
    images_table: ImagesTable,
    image_dir: ImageDir,
    state_root: StateRoot,
    out: OutFolder,
    box_points: Annotated[Path | None, typer.Option(help="box_points.json, of further images.")] = None,
    workers: Workers = 0,
    tensorboard: TensorBoard = False,
    settings: Settings = "{}",
) -> None:
    """Train an arm's student on its training set."""
    from wssis.stages.student import run

    run(
        parse_settings(stages.StudentSettings, settings),
        training_set, images_table, image_dir, state_root, out, workers, tensorboard, box_points,
    )  # fmt: skip


@app.command()
def train_box_student(
    images_table: ImagesTable,
    image_dir: ImageDir,
    state_root: StateRoot,
    out: OutFolder,
    full: Annotated[str, typer.Option(help="COCO file of images with masks; none: without any.")] = "none",
    box_points: Annotated[str, typer.Option(help="box_points.json: boxes and points; none: without any.")] = "none",
    workers: Workers = 0,
    tensorboard: TensorBoard = False,
    settings: Settings = "{}",
) -> None:
    """Train Mask R-CNN or Implicit PointRend on boxes with masks or labelled points."""
    from wssis.stages.box_student import run

    given = [None if text == "none" else Path(text) for text in (full, box_points)]
    run(
        parse_settings(BoxStudentSettings, settings),
        *given, images_table, image_dir, state_root, out, workers, tensorboard,
    )  # fmt: skip


@app.command()
def evaluate(
    model: Annotated[Path, typer.Option(help="model.safetensors of a teacher or student.")],
    val: Val,
    images_table: ImagesTable,
    image_dir: ImageDir,
    out: OutFolder,
    settings: Settings = "{}",
) -> None:
    """Mask and box AP on the validation images: detections.json, scores.json."""
    from wssis.stages.evaluate import run

    run(parse_settings(stages.EvaluateSettings, settings), model, val, images_table, image_dir, out)


@app.command()
def pseudo_quality(
    train: Train,
    weak: Weak,
    hidden_ids: Annotated[Path, typer.Option(help="hidden_ids.csv of the run.")],
    pseudo: Annotated[Path, typer.Option(help="pseudo/{arm}.json of the run.")],
    out: OutFile,
    shown: Annotated[Path, typer.Option(help="JSON: the few weak images that the report shows.")],
    proposals: Annotated[Path | None, typer.Option(help="proposals/weak.json; none for labels without points.")] = None,
    settings: Settings = "{}",
) -> None:
    """Compare pseudo masks with the hidden truth; nothing trains on the outcome."""
    from wssis.stages.quality import run

    run(
        parse_settings(stages.QualitySettings, settings),
        train=train, weak=weak, hidden_ids=hidden_ids, pseudo=pseudo, out=out, shown=shown, proposals=proposals,
    )  # fmt: skip


@app.command()
def show_given(
    weak: Weak,
    pseudo: Annotated[Path, typer.Option(help="pseudo/{arm}.json of the run.")],
    out: OutFile,
    proposals: Annotated[Path | None, typer.Option(help="proposals/weak.json; none for labels without points.")] = None,
    full: Annotated[Path | None, typer.Option(help="full.json, for the IoU of out-of-fold pairs.")] = None,
    pairs: Annotated[Path | None, typer.Option(help="proposals/full.json, out of fold.")] = None,
    settings: Settings = "{}",
) -> None:
    """Choose weak images to show, and count what became of the clicks: there is no hidden truth to compare with."""
    from wssis.stages.show_given import run

    run(
        parse_settings(stages.QualitySettings, settings),
        weak=weak, pseudo=pseudo, out=out, proposals=proposals, full=full, pairs=pairs,
    )  # fmt: skip


@app.command()
def predict_shown(
    model: Annotated[Path, typer.Option(help="model.safetensors of the arm's student.")],
    shown: Annotated[Path, typer.Option(help="quality/{arm}.shown.json: which weak images.")],
    images_table: ImagesTable,
    image_dir: ImageDir,
    out: OutFile,
    settings: Settings = "{}",
) -> None:
    """Predict the few weak images that the report shows; settings are those of evaluate."""
    from wssis.stages.predict_shown import run

    run(parse_settings(stages.DetectionSettings, settings), model, shown, images_table, image_dir, out)


@app.command()
def report(
    context: typer.Context,
    plan: Annotated[str, typer.Option(help="JSON: the rows of the study, each with its files.")],
    results: Annotated[Path, typer.Option(help="Folder of the study.")],
    image_dir: Annotated[list[str], typer.Option(help="DATASET=FOLDER of the training images; may be repeated.")],
    out: OutFolder,
    settings: Settings = "{}",
) -> None:
    """Write the page and scores.csv."""
    from wssis.stages.report import run

    named = parse_pairs("--image-dir", image_dir)
    folders = {name: joined_folder(context, folder) for name, folder in named.items()}
    run(parse_settings(stages.ReportSettings, settings), plan=plan, results=results, image_dirs=folders, out=out)


@app.command()
def import_weights(
    source: Annotated[Path, typer.Argument(help="A released checkpoint: .pth, .npz or .safetensors.")],
    out: OutFile,
    annotations: Annotated[Path | None, typer.Option(help="COCO file with the checkpoint's categories.")] = None,
    settings: Settings = "{}",
) -> None:
    """Map the names of a released SOLOv2 or MaskRefineNet checkpoint onto ours."""
    from wssis.config.importing import ImportWeightsSettings
    from wssis.stages.import_weights import run

    run(parse_settings(ImportWeightsSettings, settings), source, out, annotations)


app.command()(convert)
app.command()(export)
app.command()(join)
app.command()(check_data)
app.command()(annotate)
app.command()(plan)
app.command()(status)
app.command()(audit)
app.command()(show)
app.command()(trace)
app.command()(export_study)
app.command()(budget)
app.command()(predict)
app.command()(export_onnx)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a command; an InputError, or a full disk, is printed without traceback and ends with status 2."""
    try:
        app(args=arguments)
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(2) from None
    except OSError as error:
        if error.errno not in DISK_FULL:
            raise
        print(f"error: {error}: free some space and give the same command again", file=sys.stderr)
        raise SystemExit(2) from None
