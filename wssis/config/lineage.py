"""What follows from what within a run, and so in which variant's folder a file lies.

A variant makes again only what its settings reach: a stage whose resolved settings differ from those of `base`, and all
that follows from it. Everything else is base's own file.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from wssis.arms.registry import get_arm
from wssis.config.half_labelled import GIVEN_MIX, stage_at
from wssis.config.resolve import Side, resolve
from wssis.config.section import Section
from wssis.config.study import BASE, Study

SHARED = ("split", "points", "box_points", "teacher", "fold")
"""Stages whose products belong to no arm."""


@dataclass(frozen=True)
class Place:
    """Data set, mix and seed of a run; None where a stage has none."""

    dataset: str | None = None
    mix: str | None = None
    seed: str | None = None


@dataclass(frozen=True)
class Product:
    """What one job of a run makes.

    Attributes:
        stage: name of the stage's module.
        arm: whose it is; None for what all arms share. Of `evaluate`, the arm of the student, None for the teacher.
        fold: of a fold teacher.
        side: of proposals and crops.
    """

    stage: str
    arm: str | None = None
    fold: int | None = None
    side: Side | None = None


class Lineage:
    """Settings and homes of all products of a study."""

    def __init__(self, study: Study) -> None:
        self.study = study
        self._settings: dict[tuple[Product, Place, str], Section] = {}
        self._differs: dict[tuple[Product, Place, str], bool] = {}

    def settings(self, product: Product, place: Place, variant: str = BASE) -> Section:
        """Exactly what the product's job is given."""
        key = (product, place, variant)
        if key not in self._settings:
            self._settings[key] = resolve(
                self.study, stage_at(product.stage, place.mix), dataset=place.dataset, mix=place.mix, seed=place.seed,
                variant=variant, arm=product.arm, fold=product.fold, side=product.side,
            )  # fmt: skip
        return self._settings[key]

    def home(self, product: Product, place: Place, variant: str) -> str:
        """The variant in whose folder the product lies."""
        return variant if variant != BASE and self._differs_from_base(product, place, variant) else BASE

    def _differs_from_base(self, product: Product, place: Place, variant: str) -> bool:
        key = (product, place, variant)
        if key not in self._differs:
            before = self.upstream(product, place, variant)
            other_settings = self.settings(product, place, variant) != self.settings(product, place)
            own = other_settings or before != self.upstream(product, place)
            self._differs[key] = own or any(self._differs_from_base(one, place, variant) for one in before)
        return self._differs[key]

    def upstream(self, product: Product, place: Place, variant: str = BASE) -> tuple[Product, ...]:
        """The products of the same run that a product is made from."""
        return tuple(self._upstream(product, place, variant))

    def with_all_before(self, product: Product, place: Place, variant: str = BASE) -> list[Product]:
        """A product after all that it follows from, each once."""
        found: dict[Product, None] = {}

        def visit(one: Product) -> None:
            for before in self.upstream(one, place, variant):
                visit(before)
            found.setdefault(one)

        visit(product)
        return list(found)

    def _upstream(self, product: Product, place: Place, variant: str) -> Iterator[Product]:
        split, points, arm = Product("split"), Product("points"), product.arm
        match product.stage:
            case "points" | "box_points" | "teacher" | "fold":
                yield split
            case "box_student":
                yield split
                if get_arm(arm).trains_on_boxes:
                    yield Product("box_points")
            case "box_pseudo":
                yield from (split, Product("box_points"), network(get_arm(arm).teacher))
            case "proposals":
                yield from (split, points)
                yield from self._predictors(product, place, variant)
            case "crops":
                yield from (split, Product("proposals", arm, side=product.side))
            case "refiner":
                yield Product("crops", arm, side="full")
            case "pseudo":
                yield from (split, points, Product("proposals", second_round(arm), side="weak"))
                if get_arm(arm).pseudo == "refined":
                    yield from (Product("crops", second_round(arm), side="weak"), self.refiner(arm, variant))
            case "oracle_mask":
                yield from (split, points)
            case "score_thresholds":
                yield split
                yield from self._folds(variant)
            case "confident_labels":
                yield from (split, Product("teacher"), Product("score_thresholds", arm))
            case "student":
                yield training_set(arm)
                if get_arm(arm).trains_on_boxes:
                    yield Product("box_points")
            case "evaluate":
                yield network(arm)
            case "quality":
                yield from (hidden_masks_of(arm), training_set(arm))
                if "proposals" in get_arm(arm).rules:
                    yield Product("proposals", second_round(arm), side="weak")
                if place.mix == GIVEN_MIX and (pairs := self.pairs_out_of_fold(arm, variant)):
                    yield from (split, *pairs)
            case "predict_shown":
                yield from (network(arm), Product("quality", arm))

    def _predictors(self, product: Product, place: Place, variant: str) -> Iterator[Product]:
        """What predicts one side: the teacher, or in a second round the student in its place; or makers of pairs."""
        if product.arm is not None:
            yield network(get_arm(product.arm).teacher)
        elif product.side == "weak":
            yield network(None)
        else:
            match self.settings(product, place, variant).pairs:
                case "crossfit":
                    yield from self._folds(variant)
                case "snapshots":
                    yield network(None)

    def _folds(self, variant: str) -> Iterator[Product]:
        return (Product("fold", fold=k) for k in range(self.study.of_variant(variant).refiner.folds))

    def refiner(self, arm: str, variant: str = BASE) -> Product:
        """The refiner behind an arm's masks: the first round's, unless a second round trains its own."""
        again = self.study.of_variant(variant).refiner.second_round == "retrain"
        return Product("refiner", second_round(arm) if again else None)

    def pairs_out_of_fold(self, arm: str, variant: str = BASE) -> tuple[Product, ...]:
        """The proposals on full images by networks that have not seen them, where an arm's refiner is trained on such.

        Without hidden truth, they alone tell how good rough masks are.
        """
        first_round = get_arm(arm).pseudo == "refined" and second_round(arm) is None
        crossfit = self.study.of_variant(variant).refiner.pairs == "crossfit"
        return (Product("proposals", side="full"),) if first_round and crossfit else ()


def second_round(arm: str) -> str | None:
    """The arm, if a student takes the teacher's place for it: its proposals and crops are then its own."""
    return arm if get_arm(arm).teacher is not None else None


def network(arm: str | None) -> Product:
    """An arm's student, or the teacher."""
    return Product("teacher") if arm is None else Product(get_arm(arm).student, arm)


def hidden_masks_of(arm: str) -> Product:
    """What says which hidden masks an arm's pseudo masks stand for: the points, or the boxes with points."""
    return Product("box_points" if get_arm(arm).pseudo == "boxed" else "points")


def training_set(arm: str) -> Product:
    """What an arm's student is trained on."""
    of = get_arm(arm)
    return Product("split") if of.pseudo == "none" else Product(of.rules[-1], of.labels)
