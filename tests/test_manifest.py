"""Manifests: what they say, and that a store's digest ignores Snakemake's time stamp."""

import errno
import hashlib
from pathlib import Path

import pytest

from wssis.config.data_stages import PointsSettings
from wssis.errors import InputError
from wssis.formats import atomic
from wssis.formats import manifest as manifests
from wssis.formats.atomic import write_text
from wssis.formats.manifest import StageRun, digest_of, input_record, manifest_of, read_manifest


def _run(folder: Path, name: str, content: str, inputs: dict[str, Path] | None = None) -> Path:
    """Write `name` and its manifest as a stage would; return the manifest."""
    manifest = folder / f"{name}.manifest.json"
    with StageRun("points", manifest, PointsSettings(seed=3), inputs or {}, code="c0de") as run:
        (folder / name).write_text(content)
        run.output(folder / name)
        run.counts["objects"] = 2
    return manifest


def test_manifest_content(tmp_path: Path) -> None:
    source = tmp_path / "in.json"
    source.write_text("{}")
    content = read_manifest(_run(tmp_path, "out.json", "x", {"train": source}))
    assert content["stage"] == "points"
    assert content["settings"] == {"strategy": "centroid", "drift": 0.0, "seed": 3}
    assert content["seed"] == 3
    assert content["inputs"] == {"train": {"path": source.as_posix(), "sha256": hashlib.sha256(b"{}").hexdigest()}}
    assert content["outputs"] == {"out.json": hashlib.sha256(b"x").hexdigest()}
    assert content["code"] == "c0de"
    assert content["counts"] == {"objects": 2}
    assert {"versions", "duration", "finished"} < set(content)
    assert "pydantic" in content["versions"]


def test_what_is_discarded_goes_after_the_manifest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    state = tmp_path / "state" / "key"
    state.mkdir(parents=True)
    (state / "state.pt").write_text("x")
    seen = []
    plain = manifests.write_text
    monkeypatch.setattr(manifests, "write_text", lambda path, text: (seen.append(state.exists()), plain(path, text)))
    with StageRun("points", tmp_path / "manifest.json", PointsSettings(seed=3), {}, code="c0de") as run:
        run.discard(state)
    assert seen == [True] and (tmp_path / "manifest.json").exists() and not state.exists()
    state.mkdir()
    with pytest.raises(ZeroDivisionError):
        with StageRun("points", tmp_path / "manifest.json", PointsSettings(seed=3), {}, code="c0de") as run:
            run.discard(state)
            raise ZeroDivisionError
    assert state.exists()


@pytest.mark.parametrize("harm", ["written to", "replaced", "removed"])
def test_a_run_that_fails_amid_its_outputs_leaves_no_manifest(tmp_path: Path, harm: str) -> None:
    """Not even the old one."""
    manifest, output = _run(tmp_path, "out.json", "x"), tmp_path / "out.json"
    with pytest.raises(RuntimeError), StageRun("points", manifest, PointsSettings(), {}, code="c"):
        if harm == "written to":
            with output.open("a") as file:
                file.write("y")
        elif harm == "replaced":
            write_text(output, "x")
        else:
            output.unlink()
        raise RuntimeError
    assert not manifest.exists()


def test_a_run_that_fails_before_its_outputs_leaves_the_old_manifest(tmp_path: Path) -> None:
    """A mistyped path, or a refused setting: the old outputs and what is known of them stay, and nothing reruns."""
    manifest = _run(tmp_path, "out.json", "x")
    before = manifest.read_bytes(), manifest.stat().st_mtime_ns
    with pytest.raises(RuntimeError), StageRun("points", manifest, PointsSettings(), {}, code="c"):
        assert not manifest.exists(), "while it runs, nothing vouches for the outputs"
        raise RuntimeError
    with pytest.raises(InputError, match="gone"):
        StageRun("points", manifest, PointsSettings(), {"train": tmp_path / "gone"}, code="c").__enter__()
    assert (manifest.read_bytes(), manifest.stat().st_mtime_ns) == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.json", manifest.name]


def test_a_full_disk_loses_no_manifest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    manifest = _run(tmp_path, "out.json", "x")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(atomic, "_sync", full)
    with pytest.raises(RuntimeError, match="its own"), StageRun("points", manifest, PointsSettings(), {}, code="c"):
        raise RuntimeError("its own")
    assert read_manifest(manifest)["outputs"].keys() == {"out.json"}


def test_what_a_killed_run_set_aside_goes_with_the_next(tmp_path: Path) -> None:
    manifest = _run(tmp_path, "out.json", "x")
    StageRun("points", manifest, PointsSettings(), {}, code="c").__enter__()
    assert not manifest.exists() and manifest_of(tmp_path / "out.json") is None
    with pytest.raises(RuntimeError), StageRun("points", manifest, PointsSettings(), {}, code="c"):
        raise RuntimeError
    assert not manifest.exists(), "the killed run may have written anything"
    assert [path.name for path in tmp_path.iterdir()] == ["out.json"]


def test_an_unreadable_manifest_is_put_back_too(tmp_path: Path) -> None:
    manifest = tmp_path / "manifest.json"
    manifest.write_text("somebody's")
    with pytest.raises(RuntimeError), StageRun("points", manifest, PointsSettings(), {}, code="c"):
        raise RuntimeError
    assert manifest.read_text() == "somebody's"


def test_a_folder_in_the_manifests_place_is_refused_before_the_work(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").mkdir()
    run = StageRun("points", tmp_path / "manifest.json", PointsSettings(), {})
    with pytest.raises(InputError, match="is a folder"), run:
        pytest.fail("the work has begun")


def test_store_digest(tmp_path: Path) -> None:
    store = tmp_path / "a.zarr"
    (store / "image" / "c").mkdir(parents=True)
    (store / "image" / "c" / "0").write_text("x")
    first = digest_of(store)
    assert first == hashlib.sha256(f"image/c/0\0{hashlib.sha256(b'x').hexdigest()}\n".encode()).hexdigest()
    (store / ".snakemake_timestamp").touch()
    assert digest_of(store) == first
    (store / "image" / "c" / "0").rename(store / "image" / "c" / "1")
    assert digest_of(store) != first


def test_store_is_referred_to_by_its_manifest(tmp_path: Path) -> None:
    store = tmp_path / "a.zarr"
    store.mkdir()
    manifest = tmp_path / "a.zarr.manifest.json"
    with StageRun("crops", manifest, PointsSettings(), {}, code="c") as run:
        (store / "0").write_text("x")
        run.output(store)
    recorded = read_manifest(manifest)["outputs"]["a.zarr"]
    (store / "0").write_text("y")
    assert input_record(store) == {"path": store.as_posix(), "sha256": recorded, "manifest": manifest.as_posix()}


def test_small_file_is_hashed_large_one_is_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    manifest = _run(tmp_path, "out.json", "x")
    (tmp_path / "out.json").write_text("changed")
    assert input_record(tmp_path / "out.json")["sha256"] == hashlib.sha256(b"changed").hexdigest()
    monkeypatch.setattr(manifests, "LARGE", 1)
    assert input_record(tmp_path / "out.json")["sha256"] == read_manifest(manifest)["outputs"]["out.json"]


def test_manifest_of_finds_the_one_that_lists_the_file(tmp_path: Path) -> None:
    manifest = _run(tmp_path, "out.json", "x")
    (tmp_path / "other.csv").touch()
    assert manifest_of(tmp_path / "out.json") == manifest
    assert manifest_of(tmp_path / "other.csv") is None


@pytest.mark.parametrize("content", ['{"name": "my web app"}', '{"source-ref": 1}\n{"source-ref": 2}\n', "[]"])
@pytest.mark.parametrize("name", ["manifest.json", "groundtruth.manifest.json"])
def test_manifests_of_other_programs_are_nobodys_business(tmp_path: Path, name: str, content: str) -> None:
    manifest = _run(tmp_path, "out.json", "x")
    (tmp_path / name).write_text(content)
    assert manifest_of(tmp_path / "out.json") == manifest
    assert manifest_of(tmp_path / "other.json") is None


def test_missing_input_and_bad_manifest_are_named(tmp_path: Path) -> None:
    gone = {"train": tmp_path / "gone.json"}
    with pytest.raises(InputError, match=r"gone\.json: not found"):
        StageRun("points", tmp_path / "m.json", PointsSettings(), gone, code="c").__enter__()
    with pytest.raises(InputError, match="manifest not found"):
        read_manifest(tmp_path / "m.json")
    (tmp_path / "m.json").write_text("[]")
    with pytest.raises(InputError, match="not a manifest"):
        read_manifest(tmp_path / "m.json")
