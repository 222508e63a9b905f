from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from facetalk.bundle import write_bundle
from facetalk.errors import Cancelled, UserError
from facetalk.motion.denoiser import DenoiserConfig, MotionDenoiser
from facetalk.motion.frame_noise import frame_noise
from facetalk.motion.samplers import SAMPLERS, KnownFrames, SamplerName
from facetalk.motion.sampling_settings import SamplingSettings
from facetalk.motion.style import ANY_STYLE, STYLE_SIZE, Style
from facetalk.motion.takes import MotionModel, TakeProgress
from facetalk.motion.windows import plan_windows
from facetalk.speech.feature_kind import FeatureKind

CODES, FEATURES = 5, 7
CONTROLS = ("jawOpen", "mouthClose", "mouthPucker")
CONFIG = DenoiserConfig(CODES, FEATURES, width=16, layers=2, heads=2, time_width=8)
SETTINGS = SamplingSettings(steps=3, guidance=1.5, window=40, context=8, look_ahead=5)
SPEECH = FeatureKind("ears", 50, FEATURES)
CPU = torch.device("cpu")


def drawn(*shape: int, seed: int = 1) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def random_model(settings: SamplingSettings) -> MotionModel:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = MotionDenoiser(CONFIG)
    mean, deviation = drawn(CODES, seed=4), drawn(CODES, seed=5).abs() + 0.5
    return MotionModel(network, mean, deviation, CONTROLS, drawn(len(CONTROLS), CODES), settings, SPEECH)


@pytest.fixture(scope="module")
def model() -> MotionModel:
    return random_model(SETTINGS)


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_every_sampler_gives_a_take_that_its_seed_alone_decides(sampler: SamplerName) -> None:
    sampling, features = random_model(replace(SETTINGS, sampler=sampler)), drawn(100, FEATURES)
    alone = sampling.sample(features, seed=3)
    assert torch.equal(alone, sampling.sample(features, seed=3))
    together = torch.cat(list(sampling.stream(features, seeds=[2, 3])), dim=1)
    assert torch.equal(together[1], alone)
    assert not torch.allclose(together[0], alone)


@pytest.mark.parametrize(
    ("fault", "reason"), [({"sampler": "euler"}, "sampler 'euler'"), ({"window": 13}, "new frames")]
)
def test_settings_that_cannot_be_followed_are_refused(fault: dict[str, Any], reason: str) -> None:
    with pytest.raises(UserError, match=reason):
        replace(SETTINGS, **fault).require_sensible(Path("manifest.json"))


def test_same_seed_is_bit_equal_and_another_differs(model: MotionModel) -> None:
    features = drawn(100, FEATURES)
    first, again, other = (model.sample(features, seed=seed) for seed in (3, 3, 4))
    assert first.shape == (100, CODES)
    assert torch.equal(first, again)
    assert not torch.allclose(first, other)


def test_the_global_generator_is_neither_read_nor_moved(model: MotionModel) -> None:
    features = drawn(60, FEATURES)
    first = model.sample(features, seed=3)
    before = torch.get_rng_state()
    torch.rand(5)
    assert torch.equal(model.sample(features, seed=3), first)
    torch.set_rng_state(before)
    model.sample(features, seed=3)
    assert torch.equal(torch.get_rng_state(), before)


def test_a_clip_s_start_does_not_depend_on_what_follows_its_window(model: MotionModel) -> None:
    features = drawn(100, FEATURES)
    short = next(model.stream(features[:70], seeds=[0]))
    assert torch.equal(short, next(model.stream(features, seeds=[0])))


def test_noise_depends_on_seed_and_frame_alone() -> None:
    whole = frame_noise(7, 0, 300, CODES)
    for start, stop in ((0, 1), (63, 65), (64, 128), (130, 299)):
        assert torch.equal(frame_noise(7, start, stop, CODES), whole[start:stop])
    assert not torch.equal(frame_noise(8, 0, 300, CODES), whole)
    assert whole.std().item() == pytest.approx(1, abs=0.1)


def test_stream_is_the_take_and_starts_before_the_last_window(model: MotionModel) -> None:
    features, seen = drawn(100, FEATURES), []

    def watch(progress: TakeProgress) -> None:
        seen.append((progress.window, progress.step.done))

    stream = model.stream(features, seeds=[0], callback=watch)
    first = next(stream)
    assert first.shape[1] == SETTINGS.window - SETTINGS.look_ahead
    assert seen == [(0, 1), (0, 2), (0, 3)]
    assert torch.equal(torch.cat([first, *stream], dim=1)[0], model.sample(features, seed=0))
    assert seen[-1] == (len(list(plan_windows(100, SETTINGS.window, SETTINGS.context, SETTINGS.look_ahead))) - 1, 3)


def test_features_in_pieces_give_the_same_take_and_are_asked_for_late(model: MotionModel) -> None:
    features, given = drawn(300, FEATURES), []

    def pieces() -> Iterator[Tensor]:
        for piece in torch.split(features, 30):
            given.append(len(piece))
            yield piece

    stream = model.stream(pieces(), frames=300, seeds=[0])
    first = next(stream)
    assert sum(given) == 60
    assert torch.equal(torch.cat([first, *stream], dim=1)[0], model.sample(features, seed=0))


@pytest.mark.parametrize(("pieces", "word"), [([30, 5], "nothing"), ([100], "shape")])
def test_wrong_pieces_are_refused(model: MotionModel, pieces: list[int], word: str) -> None:
    width = FEATURES + (word == "shape")
    with pytest.raises(ValueError, match=word):
        list(model.stream((drawn(frames, width) for frames in pieces), frames=100, seeds=[0]))


def test_a_window_continues_the_one_before(model: MotionModel) -> None:
    seen: list[Tensor] = []

    def watch(progress: TakeProgress) -> None:
        seen.append(progress.step.denoised[0])

    codes = model.sample(drawn(60, FEATURES), seed=0, callback=watch)
    context = (codes[27:35] - model.code_mean) / model.code_deviation
    assert torch.allclose(seen[-1][:8], context, atol=1e-5)


def test_known_frames_are_bit_equal_and_the_rest_follows(model: MotionModel) -> None:
    features = drawn(100, FEATURES)
    known = KnownFrames(drawn(100, CODES, seed=8), torch.zeros(100, dtype=torch.bool))
    known.mask[20:38] = True
    known.mask[90] = True
    edited = model.sample(features, seed=0, known=known)
    assert torch.equal(edited[known.mask], known.codes[known.mask])
    free = model.sample(features, seed=0)
    assert not torch.allclose(edited[~known.mask][:20], free[~known.mask][:20])


def test_known_everywhere_samples_nothing_else(model: MotionModel) -> None:
    known = KnownFrames(drawn(50, CODES, seed=8), torch.ones(50, dtype=torch.bool))
    assert torch.equal(model.sample(drawn(50, FEATURES), seed=0, known=known), known.codes)


def test_callback_stops_a_take_within_a_step(model: MotionModel) -> None:
    fractions = []

    def stop(progress: TakeProgress) -> None:
        fractions.append(progress.fraction)
        if progress.window == 1:
            raise Cancelled

    with pytest.raises(Cancelled):
        model.sample(drawn(100, FEATURES), seed=0, callback=stop)
    assert len(fractions) == SETTINGS.steps + 1
    assert fractions == sorted(fractions)


@pytest.mark.parametrize(
    ("frames", "steps", "guidance", "word"),
    [
        (0, 3, 1.0, "no sound"),
        (9, 0, 1.0, "steps"),
        (9, 3, -1.0, "Guidance"),
        (9, 3, float("nan"), "Guidance"),
    ],
)
def test_bad_input_is_one_sentence(model: MotionModel, frames: int, steps: int, guidance: float, word: str) -> None:
    with pytest.raises(UserError, match=word):
        model.sample(drawn(frames, FEATURES), seed=0, steps=steps, guidance=guidance)


def statistics(model: MotionModel) -> dict[str, Tensor]:
    return {name: getattr(model, name) for name in ("code_mean", "code_deviation", "rig_to_code")}


def test_a_bundle_comes_back_as_it_was(model: MotionModel, tmp_path: Path) -> None:
    tensors = {f"denoiser.{name}": each for name, each in model.denoiser.state_dict().items()}
    write_bundle(
        tmp_path / "motion",
        kind="motion",
        name="motion",
        config={
            "denoiser": asdict(CONFIG),
            "sampling": asdict(SETTINGS),
            "rig_controls": list(CONTROLS),
            "speech": asdict(SPEECH),
        },
        tensors={**tensors, **statistics(model)},
        licence="MIT",
        attributions=[],
        training={},
    )
    loaded = MotionModel.load(tmp_path / "motion", CPU)
    assert loaded.speech == SPEECH
    features = drawn(50, FEATURES)
    assert torch.equal(loaded.sample(features, seed=2), model.sample(features, seed=2))


def test_a_bundle_that_names_other_features_is_refused(model: MotionModel, tmp_path: Path) -> None:
    config = {"denoiser": asdict(CONFIG), "sampling": asdict(SETTINGS), "rig_controls": list(CONTROLS)}
    tensors = {f"denoiser.{name}": each for name, each in model.denoiser.state_dict().items()}
    write_bundle(
        tmp_path / "motion",
        kind="motion",
        name="motion",
        config={**config, "speech": asdict(FeatureKind("ears", 50, FEATURES + 1))},
        tensors={**tensors, **statistics(model)},
        licence="MIT",
        attributions=[],
        training={},
    )
    with pytest.raises(UserError, match="other features than the manifest names"):
        MotionModel.load(tmp_path / "motion", CPU)


def test_a_bundle_with_other_sizes_names_its_folder(model: MotionModel, tmp_path: Path) -> None:
    write_bundle(
        tmp_path / "motion",
        kind="motion",
        name="motion",
        config={"denoiser": asdict(CONFIG), "sampling": asdict(SETTINGS), "rig_controls": list(CONTROLS)},
        tensors=statistics(model),
        licence="MIT",
        attributions=[],
        training={},
    )
    with pytest.raises(UserError, match="motion"):
        MotionModel.load(tmp_path / "motion", CPU)


def test_codes_are_translated_through_the_rig(model: MotionModel) -> None:
    controls = ("new", *reversed(CONTROLS))
    other = drawn(len(controls), 2 * CODES)
    weights = drawn(7, len(CONTROLS))
    same = torch.cat([torch.zeros(7, 1), weights.flip(1)], dim=1)
    codes = weights @ model.rig_to_code
    assert torch.allclose(codes @ model.translation(controls, other), same @ other, atol=1e-4)


def test_a_head_without_the_rig_is_refused(model: MotionModel) -> None:
    with pytest.raises(UserError, match="does not have"):
        model.translation(CONTROLS[1:], drawn(len(CONTROLS) - 1, CODES))


def test_takes_sampled_together_are_those_sampled_alone(model: MotionModel) -> None:
    features = drawn(100, FEATURES)
    together = torch.cat(list(model.stream(features, seeds=[3, 4, 5])), dim=1)
    assert together.shape == (3, 100, CODES)
    for take, seed in zip(together, (3, 4, 5), strict=True):
        assert torch.equal(take, model.sample(features, seed=seed))


def test_a_seam_takes_up_what_the_window_before_foresaw(model: MotionModel) -> None:
    """The untrained network does not continue a context; the fade leads over all the same."""
    features, emitted = drawn(100, FEATURES), SETTINGS.window - SETTINGS.look_ahead
    take = model.sample(features, seed=0)
    foreseen = model.sample(features[: SETTINGS.window], seed=0)
    assert torch.equal(take[:emitted], foreseen[:emitted])
    deviation = (take[emitted : SETTINGS.window] - foreseen[emitted:]).norm(dim=1)
    assert deviation[0] < 0.2 * deviation[-1]


def test_a_model_without_styles_says_so(model: MotionModel) -> None:
    with pytest.raises(UserError, match="knows no styles"):
        model.sample(drawn(40, FEATURES), seed=0, style=Style(lips=1.2))


def test_styles_change_a_take_alone_and_among_others() -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = MotionDenoiser(replace(CONFIG, style_size=STYLE_SIZE))
        for layer in network.layers:
            torch.nn.init.normal_(layer.self_norm.film.weight, std=0.1)  # type: ignore[union-attr, arg-type]
    styled = MotionModel(
        network, torch.zeros(CODES), torch.ones(CODES), CONTROLS, drawn(len(CONTROLS), CODES), SETTINGS, SPEECH
    )
    features, lively = drawn(100, FEATURES), Style(lips=2.0, recorded=True)
    take = styled.sample(features, seed=3, style=lively)
    assert not torch.allclose(take, styled.sample(features, seed=3))
    assert torch.equal(take, torch.cat(list(styled.stream(features, seeds=[1, 3], style=lively)), dim=1)[1])


@pytest.mark.parametrize("guidance", [1.0, 1.5])
def test_takes_agree_on_the_mouth_as_far_as_is_asked(guidance: float) -> None:
    controls = ("jawOpen", "mouthSmile_L", "browDown_L", "eyeBlink_L", "cheekSquint_L")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = MotionDenoiser(replace(CONFIG, expects=True, style_size=STYLE_SIZE))
        torch.nn.init.normal_(network.leave[1].weight)  # type: ignore[arg-type]
    mean, deviation, to_code = drawn(CODES, seed=4), drawn(CODES, seed=5).abs() + 0.5, drawn(len(controls), CODES)

    def takes(variety: float, style: Style) -> Tensor:
        settings = replace(SETTINGS, mouth_variety=variety, guidance=guidance)
        sampling = MotionModel(network, mean, deviation, controls, to_code, settings, SPEECH)
        codes = torch.cat(list(sampling.stream(drawn(30, FEATURES), seeds=[1, 2], style=style)), dim=1)
        return (codes - mean) @ torch.linalg.pinv(to_code)

    def apart(variety: float, style: Style = ANY_STYLE) -> Tensor:
        first, second = takes(variety, style)
        return (first - second).std(dim=0)

    assert apart(1.0).min() > 0.1
    assert apart(0.0)[:2].max() < 1e-4
    assert apart(0.0)[2:].min() > 0.1
    assert 0.0 < apart(0.3)[0] < apart(1.0)[0]
    happy = apart(0.0, Style(emotion="happy"))
    assert happy[0] < 1e-4
    assert happy[1] > 0.1
