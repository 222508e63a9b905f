"""Import of published heads: folder layouts, code tables, and every bad file that one may meet."""

import os
import pickle
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml

from facetalk.bundle import read_bundle
from facetalk.cli import main
from facetalk.errors import UserError
from facetalk.head.published_archive import ARCHIVE_LIMIT, TEXT_LIMIT
from facetalk.head.published_checkpoints import ANCHORS_LIMIT, import_published_head
from facetalk.head.published_networks import FAMILIES
from tests.head.tiny_published import ANCHORS, BLENDS, Array, TinyModel, tiny_model

CHECKPOINT = "model/checkpoints/checkpoint_epoch_20.tar"


@pytest.fixture
def released(tmp_path: Path) -> Path:
    """A backward model's folder; its anchors lie beside it."""
    return tiny_model("nphm-backward").write(tmp_path)


def import_it(folder: Path) -> Path:
    bundle = folder.parent / "bundle"
    import_published_head(folder, folder.parent / "anchors.npy", bundle)
    return bundle


def refusal(folder: Path) -> str:
    """Why a folder is not imported: one sentence, and nothing is left behind."""
    before = sorted(folder.parent.iterdir())
    with pytest.raises(UserError) as refused:
        import_it(folder)
    assert sorted(folder.parent.iterdir()) == before
    message = str(refused.value)
    assert message.endswith(".")
    assert "\n" not in message
    return message


# What is accepted -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("family", FAMILIES)
def test_a_bundle_says_what_it_holds_and_on_which_terms(family: str, tmp_path: Path) -> None:
    model = tiny_model(family)
    bundle = read_bundle(import_it(model.write(tmp_path)), "head")
    assert bundle.config["family"] == family
    assert bundle.config["parts"] == ["skin"]
    nearest, spread = BLENDS.get(family, (0, 0.0))
    assert bundle.config["blend"] == ({"nearest": nearest, "spread": spread} if family != "nphm" else {})
    assert "non-commercial" in (bundle.folder / "LICENSE.txt").read_text()
    assert not [name for name in bundle.tensors if "optim" in name]
    torch.testing.assert_close(bundle.tensors["anchor_mean"], torch.from_numpy(model.anchors))


@pytest.mark.parametrize("family", FAMILIES)
def test_codes_longer_than_one_are_shortened(family: str, tmp_path: Path) -> None:
    model = tiny_model(family)
    bundle = read_bundle(import_it(model.write(tmp_path)), "head")
    names = {"geo": "identity", "exp": "expression"} | ({"app": "appearance"} if family == "mononphm" else {})
    for theirs, ours in names.items():
        raw, kept = model.table(theirs), bundle.tensors[f"codes.{ours}"].numpy()
        long = np.linalg.norm(raw, axis=1) > 1
        assert long.any()
        np.testing.assert_array_equal(kept[~long], raw[~long])
        np.testing.assert_allclose(kept[long], raw[long] / np.linalg.norm(raw[long], axis=1, keepdims=True), atol=1e-6)


def same_weights(first: Path, second: Path) -> bool:
    return (first / "weights.safetensors").read_bytes() == (second / "weights.safetensors").read_bytes()


def test_files_lie_where_people_put_them(tmp_path: Path) -> None:
    expected = import_it(tiny_model("nphm").write(tmp_path / "a"))
    flat = tmp_path / "b/flat"
    flat.mkdir(parents=True)
    for name in ("identity", "expression"):
        source = tmp_path / f"a/released/{name}/checkpoints/checkpoint_epoch_20.tar"
        (flat / f"{name}.tar").write_bytes(source.read_bytes())
    import_published_head(flat, tmp_path / "a/anchors.npy", tmp_path / "from_flat")
    assert same_weights(expected, tmp_path / "from_flat")


@pytest.mark.parametrize("given", ["model", "model/checkpoints"])
def test_the_experiment_or_its_checkpoints_folder_will_do(given: str, released: Path, tmp_path: Path) -> None:
    expected = import_it(released)
    import_published_head(released / given, tmp_path / "anchors.npy", tmp_path / "again")
    assert same_weights(expected, tmp_path / "again")


def test_the_highest_epoch_counts(released: Path, tmp_path: Path) -> None:
    other = tiny_model("nphm-backward", seed=1).write(tmp_path / "other")
    later = released / "model/checkpoints/checkpoint_epoch_100.tar"
    later.write_bytes((other / CHECKPOINT).read_bytes())
    bundle = import_it(released)
    import_published_head(other, tmp_path / "anchors.npy", tmp_path / "expected")
    assert same_weights(bundle, tmp_path / "expected")


def rewritten(path: Path, change: Callable[[dict[str, object]], object]) -> None:
    """Load a checkpoint, change it, and save it."""
    content = torch.load(path, weights_only=True)
    change(content)
    torch.save(content, path)


def test_the_prefix_of_parallel_training_is_dropped(released: Path, tmp_path: Path) -> None:
    expected = import_it(released)

    def wrap(content: dict[str, object]) -> None:
        for group in ("id_decoder", "ex_decoder"):
            entries = content[group]
            assert isinstance(entries, dict)
            content[group] = {f"module.{key}": tensor for key, tensor in entries.items()}

    rewritten(released / CHECKPOINT, wrap)
    import_published_head(released, tmp_path / "anchors.npy", tmp_path / "again")
    assert same_weights(expected, tmp_path / "again")


def test_entries_may_be_wrapped_in_a_tuple(released: Path, tmp_path: Path) -> None:
    expected = import_it(released)
    rewritten(released / CHECKPOINT, lambda content: content.update(latent_codes=(content["latent_codes"],)))
    import_published_head(released, tmp_path / "anchors.npy", tmp_path / "again")
    assert same_weights(expected, tmp_path / "again")


def test_a_configuration_may_ask_for_another_blend_or_be_absent(released: Path) -> None:
    config = released / "model/configs.yaml"
    config.write_text(yaml.safe_dump({"decoder": {"id": {"nneigh": 9, "blend_std": 3.5}}}))
    bundle = import_it(released)
    assert read_bundle(bundle, "head").config["blend"] == {"nearest": 9, "spread": 3.5}
    config.unlink()
    import_published_head(released, released.parent / "anchors.npy", released.parent / "again")
    assert read_bundle(released.parent / "again", "head").config["blend"] == {"nearest": 8, "spread": 4.0}


def test_the_command_says_what_it_imported(released: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output, anchors = released.parent / "bundle", released.parent / "anchors.npy"
    with pytest.raises(SystemExit) as ended:
        main(["head", "import", str(released), "--anchors", str(anchors), "--output", str(output)])
    assert ended.value.code == 0
    assert f"{ANCHORS} anchors, 5 identities of size" in capsys.readouterr().out
    with pytest.raises(SystemExit) as ended:
        main(["head", "import", str(released), "--anchors", str(anchors), "--output", str(output)])
    assert ended.value.code == 1
    assert "exists already" in capsys.readouterr().err


# What is refused ------------------------------------------------------------------------------------------------------


def test_a_file_cut_short_is_refused(released: Path) -> None:
    path = released / CHECKPOINT
    path.write_bytes(path.read_bytes()[:-5000])
    assert "checkpoint_epoch_20.tar is damaged" in refusal(released)


def test_a_file_with_turned_bits_is_refused(released: Path) -> None:
    path = released / CHECKPOINT
    content = bytearray(path.read_bytes())
    with zipfile.ZipFile(path) as archive:
        largest = max(archive.infolist(), key=lambda member: member.file_size)
    content[largest.header_offset + largest.file_size] ^= 0xFF
    path.write_bytes(content)
    assert "is damaged" in refusal(released)


@pytest.mark.parametrize("content", [b"", b"not a checkpoint", pickle.dumps({"id_decoder": {}})])
def test_a_file_that_is_no_archive_is_refused(content: bytes, released: Path) -> None:
    (released / CHECKPOINT).write_bytes(content)
    assert "no torch checkpoint" in refusal(released)


class RunsCode:
    """Unpickled, it would leave a folder behind."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return os.mkdir, (str(self.trace),)


class TakesMemory:
    """Unpickled, it would take 64 GiB, and torch's weights-only reader would let it."""

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return bytearray, (1 << 36,)


def test_a_file_with_code_in_it_is_refused_and_not_run(released: Path) -> None:
    trace = released.parent.parent / f"{released.parent.name}-trace"
    for hostile, name in ((RunsCode(trace), "mkdir"), (TakesMemory(), "bytearray")):
        torch.save({"id_decoder": {"weight": hostile}}, released / CHECKPOINT)
        message = refusal(released)
        assert "holds code" in message
        assert name in message
    assert not trace.exists()


def repacked(path: Path, index: bytes, compression: int = zipfile.ZIP_STORED) -> None:
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr("archive/data.pkl", index)
        archive.writestr("archive/version", b"3\n")


def test_code_named_by_newer_opcodes_is_refused_too(released: Path) -> None:
    repacked(released / CHECKPOINT, pickle.dumps({"id_decoder": RunsCode(released)}, protocol=4))
    assert "holds code (STACK_GLOBAL)" in refusal(released)


def test_a_packed_archive_is_refused(released: Path) -> None:
    repacked(released / CHECKPOINT, pickle.dumps({"a": b"\0" * 1_000_000}, protocol=2), zipfile.ZIP_DEFLATED)
    assert "would unpack to more" in refusal(released)


def test_an_archive_that_claims_too_much_is_refused(released: Path) -> None:
    path = released / CHECKPOINT
    repacked(path, pickle.dumps({}, protocol=2))
    content = bytearray(path.read_bytes())
    entry = content.index(b"PK\x01\x02")  # sizes of the first member in the central directory
    struct.pack_into("<II", content, entry + 20, 0xFFFFFFF0, 0xFFFFFFF0)
    path.write_bytes(content)
    assert "would unpack to more" in refusal(released)


def test_a_tensor_larger_than_its_file_is_refused(released: Path) -> None:
    bomb = torch.zeros(1).expand(1 << 20, 1 << 20)
    rewritten(released / CHECKPOINT, lambda content: content.update(id_decoder={"mlp_pos.0.weight": bomb}))
    assert "mlp_pos.0.weight, which is no plain tensor" in refusal(released)


def test_values_that_are_no_numbers_are_refused(released: Path) -> None:
    def spoil(content: dict[str, object]) -> None:
        entries = content["ex_decoder"]
        assert isinstance(entries, dict)
        entries["compressor.0.bias"][0] = torch.nan

    rewritten(released / CHECKPOINT, spoil)
    assert "no numbers (compressor.bias)" in refusal(released)


def test_a_missing_tensor_is_named(released: Path) -> None:
    def drop(content: dict[str, object]) -> None:
        entries = content["id_decoder"]
        assert isinstance(entries, dict)
        del entries["mlp_pos.2.weight"]

    rewritten(released / CHECKPOINT, drop)
    assert "lacks the entry mlp_pos.2.weight" in refusal(released)


def test_tensors_that_do_not_fit_are_refused(released: Path) -> None:
    def widen(content: dict[str, object]) -> None:
        entries = content["ex_decoder"]
        assert isinstance(entries, dict)
        entries["defDeepSDF.lin4.weight"] = torch.zeros(24, 25)

    rewritten(released / CHECKPOINT, widen)
    assert "layer 4 takes 25 values" in refusal(released)


def test_codes_of_another_model_are_refused(released: Path) -> None:
    def swap(content: dict[str, object]) -> None:
        entries = content["latent_codes"]
        assert isinstance(entries, dict)
        entries["codebook.exp.embedding.weight"] = torch.zeros(6, 9)

    rewritten(released / CHECKPOINT, swap)
    assert "expression codes is 9" in refusal(released)


def test_another_kind_of_checkpoint_is_refused(released: Path) -> None:
    torch.save({"epoch": 1, "model": {"weight": torch.zeros(3)}}, released / CHECKPOINT)
    assert "no checkpoint of NPHM, DPHM or MonoNPHM" in refusal(released)
    torch.save([torch.zeros(3)], released / CHECKPOINT)
    assert "holds no checkpoint of a head model" in refusal(released)


@pytest.mark.parametrize(("given", "missing"), [("identity", "expression"), ("expression", "identity")])
def test_half_a_model_is_refused(given: str, missing: str, tmp_path: Path) -> None:
    released = tiny_model("nphm").write(tmp_path)
    with pytest.raises(UserError, match=f"half of an NPHM model: put the folder of its {missing} checkpoint there"):
        import_published_head(released / given, tmp_path / "anchors.npy", tmp_path / "bundle")
    assert not (tmp_path / "bundle").exists()


def test_two_models_in_one_folder_are_refused(released: Path, tmp_path: Path) -> None:
    (released / "twin").mkdir()
    (released / "twin/twin.tar").write_bytes((released / CHECKPOINT).read_bytes())
    assert "more than one model" in refusal(released)
    (released / "twin/twin.tar").unlink()
    tiny_model("nphm").write(tmp_path / "other")
    forward = tmp_path / "other/released/identity/checkpoints/checkpoint_epoch_20.tar"
    (released / "twin/twin.tar").write_bytes(forward.read_bytes())
    assert "different generations" in refusal(released)


def test_a_folder_without_checkpoints_is_refused(tmp_path: Path) -> None:
    (tmp_path / "released").mkdir()
    np.save(tmp_path / "anchors.npy", np.zeros((ANCHORS, 3)))
    assert "holds no checkpoint" in refusal(tmp_path / "released")
    assert "is not a folder" in refusal(tmp_path / "nowhere")


def test_weights_that_the_configuration_contradicts_are_refused(released: Path) -> None:
    config = released / "model/configs.yaml"
    config.write_text(yaml.safe_dump({"decoder": {"ex": {"lat_dim_ex": 200}}}))
    assert "decoder.ex.lat_dim_ex is 200 but the weights have 4" in refusal(released)
    config.write_text(yaml.safe_dump({"decoder": {"id": {"nneigh": 1000}}}))
    assert "1000 neighbours" in refusal(released)
    for text, reason in (
        ("a: [", "not valid YAML"),
        ("!!python/object/apply:os.getcwd []", "YAML"),
        ("7", "no config"),
    ):
        config.write_text(text)
        assert reason in refusal(released)


@pytest.mark.parametrize(
    ("anchors", "reason"),
    [
        (np.zeros((39, 3)), "has 39 anchors where the model has 14"),
        (np.zeros(42), "one row of three numbers"),
        (np.zeros((14, 3), dtype=int), "one row of three numbers"),
        (np.full((14, 3), np.nan), "lie on no head"),
        (np.full((14, 3), 9.0), "lie on no head"),
        (np.array([{}, {}]), "does not hold an array of numbers"),
    ],
)
def test_anchors_of_another_model_are_refused(anchors: Array, reason: str, released: Path) -> None:
    np.save(released.parent / "anchors.npy", anchors, allow_pickle=True)
    assert reason in refusal(released)


def test_an_anchors_file_that_claims_too_much_is_refused(released: Path) -> None:
    path = released.parent / "anchors.npy"
    content = path.read_bytes()
    claim, truth = b"(14000000000, 3), }", b"(14, 3), }"
    for replacement in (claim, truth[:-2]):
        changed = content.replace(truth.ljust(len(claim)), replacement.ljust(len(claim)))
        assert changed != content
        path.write_bytes(changed)
        assert "does not hold an array of numbers" in refusal(released)
    path.unlink()
    assert "cannot be read" in refusal(released)


def test_an_existing_folder_is_never_replaced(released: Path) -> None:
    precious = released.parent / "bundle"
    precious.mkdir()
    (precious / "thesis.txt").write_text("years of work")
    assert "exists already" in refusal(released)
    assert (precious / "thesis.txt").read_text() == "years of work"


def test_a_model_of_the_right_family_survives_half_precision(tmp_path: Path) -> None:
    model: TinyModel = tiny_model("nphm-backward")
    released = model.write(tmp_path)

    def halve(content: dict[str, object]) -> None:
        entries = content["latent_codes"]
        assert isinstance(entries, dict)
        content["latent_codes"] = {key: tensor.half() for key, tensor in entries.items()}

    rewritten(released / CHECKPOINT, halve)
    bundle = read_bundle(import_it(released), "head")
    assert bundle.tensors["codes.identity"].dtype == torch.float32


def test_files_too_large_are_refused_unread(released: Path) -> None:
    config = released / "model/configs.yaml"
    config.write_bytes(b"#" * (TEXT_LIMIT + 1))
    assert "too large for a configuration" in refusal(released)
    config.write_text("&a [" * 50_000)
    assert "not valid YAML" in refusal(released)
    with (released / CHECKPOINT).open("wb") as file:
        file.truncate(ARCHIVE_LIMIT + 1)  # a hole: it takes no room on disk
    assert "larger than any published head" in refusal(released)
    (released.parent / "anchors.npy").write_bytes(b"\0" * (ANCHORS_LIMIT + 1))
    assert "too large for mean anchors" in refusal(released)
