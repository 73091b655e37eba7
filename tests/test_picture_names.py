"""Which picture a name in a file of points means: the file called so, or what a link leads to."""

from pathlib import Path

from wssis.predicting.picture_names import PictureNames
from wssis.predicting.pictures import find_pictures


def _named(tmp_path: Path, *files: str) -> PictureNames:
    """The names of empty files, given together."""
    for file in files:
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).touch()
    return PictureNames(find_pictures([tmp_path / file for file in files], tmp_path / "out"))


def test_a_longer_name_must_be_that_of_the_file_itself(tmp_path: Path) -> None:
    names = _named(tmp_path, "cam2/0001.png")
    for name in ("0001.png", "./0001.png", "cam2/0001.png", f"{tmp_path.name}/cam2/0001.png",
                 str(tmp_path / "cam2/0001.png")):  # fmt: skip
        assert names.meant_by(name) == ["0001.png"]
    for name in ("cam1/0001.png", "else/cam2/0001.png", "/cam2/0001.png", "2/0001.png", "1.png", ""):
        assert names.meant_by(name) == []
    names = _named(tmp_path, "cam2/0001.png", "cam2/more/0001.png", "cam1/0002.png")
    assert names.meant_by("0001.png") == ["cam2/0001.png", "cam2/more/0001.png"]
    assert names.meant_by("more/0001.png") == ["cam2/more/0001.png"] and names.meant_by("0002.png") == ["cam1/0002.png"]


def test_what_links_lead_to_counts_where_no_picture_is_called_so(tmp_path: Path) -> None:
    (tmp_path / "now/sub").mkdir(parents=True)
    (tmp_path / "store").mkdir()
    for name, target in (("sub/1.png", "2.png"), ("sub/2.png", "1.png"), ("a.png", "3.png")):
        (tmp_path / "store" / target).touch()
        (tmp_path / "now" / name).symlink_to(tmp_path / "store" / target)
    names = PictureNames(find_pictures([tmp_path / "now"], tmp_path / "out"))
    assert names.meant_by("1.png") == ["sub/1.png"] and names.meant_by("now/sub/1.png") == ["sub/1.png"]
    assert names.meant_by("store/3.png") == names.meant_by(str(tmp_path / "store/3.png")) == ["a.png"]
