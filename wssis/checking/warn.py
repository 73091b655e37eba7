"""What is legal, and worth a look before a study is run: warnings, from what was read of annotations and images."""

from wssis.checking import image_warnings, label_warnings
from wssis.checking.known import Known
from wssis.formats.remark import Remark


def all_warnings(known: Known) -> list[Remark]:
    """Every warning, kind by kind."""
    looked, settings = known.looked, known.settings
    found = [one for run in known.labellings for one in label_warnings.class_warnings(run, known.categories)]
    found += [one for run in known.labellings for one in label_warnings.click_warnings(run, known.categories)]
    found += label_warnings.repeated_labels(known.labels)
    if known.val is not None:
        found += label_warnings.val_class_warnings(known.val, known.categories)
        found += label_warnings.val_size_warnings(known.val)
        if settings is not None:
            found += label_warnings.crowded_warnings(known.val, settings)
            found += label_warnings.small_warnings(known.val, settings)
    if settings is not None:
        found += [one for run in known.labellings for one in label_warnings.fold_warnings(run, settings)]
    found += image_warnings.copies_in_val(looked)
    found += [one for run in known.labellings for one in image_warnings.copies_in_weak(looked, run)]
    if settings is not None:
        found += image_warnings.size_warnings(looked.rows, settings.short_side)
    found += image_warnings.pixel_warnings(looked)
    found += image_warnings.orientation_warnings(looked)
    found += image_warnings.name_warnings(looked.rows)
    found += image_warnings.point_warnings(looked)
    return found
