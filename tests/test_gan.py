"""The GAN family: what the players see, what they minimise, what a step costs."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from zoo.data.condition import Condition
from zoo.data.events import Events
from zoo.detectors.zdc import checkerboard_readout
from zoo.detectors.zn import ZNConfig
from zoo.errors import ComponentError
from zoo.recipe.load import load_recipe
from zoo.recipe.resolved import plain
from zoo.recipe.schema import Stage
from zoo.runner.trainer import StageData, Trainer
from zoo.schemes.gan.gan import GAN
from zoo.schemes.gan.objectives import MinimaxConfig, NonSaturatingConfig, WassersteinConfig
from zoo.schemes.model import Model, ModelConfig
from zoo.schemes.scheme import Batch, Outcome

KEY = jax.random.key(0)
SHAPE = (8, 6)
SMALL = replace(ZNConfig().build(), shape=SHAPE, readout=checkerboard_readout(*SHAPE))
"""A ZDC of few fibres: what is proven here does not depend on their number."""

VIT = {"name": "vit", "patch": 4, "width": 8, "heads": 2, "blocks": 1, "dropout": 0.1}
CNN = {"name": "cnn", "channels": [4, 8], "blocks": 1}
PLAIN = {"name": "gan", "latent": 3, "token_size": 4, "hidden": [6], "generator": VIT, "discriminator": VIT}
REGRESSOR = {"name": "auxiliary_regressor", "network": VIT, "token_size": 4, "hidden": [6]}
VARIANTS: dict[str, dict[str, Any]] = {
    "plain": {},
    "wasserstein": {"objective": "wasserstein", "regularisers": ["gradient_penalty"]},
    "zero_centred": {"regularisers": [{"name": "zero_centred", "decay": 0.01}]},
    "terms": {"terms": ["l1", "l2", {"name": "auxiliary", "stage": "regressor"}, "diversity", "channel_wasserstein"]},
    "running_statistics": {"generator": CNN, "discriminator": CNN},
}


@pytest.fixture(scope="module")
def events(make_events) -> Events:
    return make_events(SMALL, 24)


def model(events: Events, variant: str = "plain", **table: Any) -> Model:
    scheme = PLAIN | VARIANTS[variant] | table
    earlier = {}
    if "terms" in scheme:
        regressor = ModelConfig.model_validate({"scheme": REGRESSOR})
        earlier["regressor"] = regressor.build(SMALL, regressor.fit(SMALL, events), {}, key=KEY)
    config = ModelConfig.model_validate({"scheme": scheme})
    return config.build(SMALL, config.fit(SMALL, events, earlier), earlier, key=KEY)


def batch_of(built: Model, events: Events, progress: float = 0.0) -> Batch:
    return built.batch(jnp.asarray(events.counts), jnp.asarray(events.particles, jnp.float32), KEY, progress)


@eqx.filter_jit
def step(built: Model, batch: Batch) -> dict[str, tuple[Outcome, Any]]:
    """Per player what its loss returns, and the gradient with respect to everything."""

    def derived(player: str) -> tuple[Outcome, Any]:
        def loss(scheme: GAN) -> tuple[Any, Outcome]:
            outcome = scheme.loss(player, batch, KEY)
            return outcome.value, outcome

        (_, outcome), gradient = eqx.filter_value_and_grad(loss, has_aux=True)(built.scheme)
        return outcome, gradient

    return {player: derived(player) for player in built.scheme.players()}


@pytest.mark.parametrize("variant", VARIANTS)
def test_losses_are_finite_and_reach_every_parameter_of_their_player(variant: str, events: Events):
    built = model(events, variant)
    found = step(built, batch_of(built, events, progress=0.5))
    assert set(found) == {"generator", "discriminator"}
    for player, (outcome, gradient) in found.items():
        assert outcome.metrics["loss"] == outcome.value
        assert all(np.isfinite(value) for value in outcome.metrics.values())
        leaves = jax.tree.leaves_with_path(getattr(gradient, player))
        assert leaves
        for path, leaf in leaves:
            assert np.isfinite(leaf).all(), (player, jax.tree_util.keystr(path))
            name = jax.tree_util.keystr(path)
            # Running statistics are not derived through; a critic's output has no zero of its own.
            exempt = "mean" in name or "variance" in name or (variant == "wasserstein" and name == ".head.out.bias")
            assert bool(np.asarray(leaf).any()) is not exempt, (player, name)
    # The generated images are given to the discriminator, not derived through.
    assert not any(np.asarray(leaf).any() for leaf in jax.tree.leaves(found["discriminator"][1].generator))
    expected = {"loss", "accuracy_real", "accuracy_fake", *(c.component for c in built.scheme.config.regularisers)}
    assert set(found["discriminator"][0].metrics) == expected
    assert set(found["generator"][0].metrics) == {"loss", *(c.component for c in built.scheme.config.terms)}


def test_the_discriminator_sees_through_noise(events: Events):
    sharp = VIT | {"dropout": 0.0}

    def losses(noise: float) -> dict[str, float]:
        built = model(events, generator=sharp, discriminator=sharp, instance_noise=noise)
        return {player: float(outcome.value) for player, (outcome, _) in step(built, batch_of(built, events)).items()}

    clear, hardly, hidden = losses(0.0), losses(1e-6), losses(10.0)
    assert hardly == pytest.approx(clear, rel=1e-4)
    assert all(abs(hidden[player] - clear[player]) > 1e-3 for player in clear)


def test_the_loss_of_a_player_is_its_objective_and_its_weighted_extras(events: Events):
    built = model(events, "terms")
    metrics = step(built, batch_of(built, events))["generator"][0].metrics
    plain = float(step(model(events), batch_of(built, events))["generator"][0].value)
    weights = {config.component: config.weight for config in built.scheme.config.terms}
    assert weights == {"l1": 0.001, "l2": 0.001, "auxiliary": 0.001, "diversity": 1.0, "channel_wasserstein": 0.1}
    extra = sum(weight * float(metrics[name]) for name, weight in weights.items())
    assert float(metrics["loss"]) == pytest.approx(plain + extra, rel=1e-5)
    # An untrained regressor may see every brightest pixel in the corner.
    assert all(float(metrics[name]) > 0 for name in weights if name != "auxiliary")


def test_running_statistics_of_a_player_move_with_its_loss_alone(events: Events):
    built = model(events, "running_statistics")
    for player, (outcome, _) in step(built, batch_of(built, events)).items():
        for network in ("generator", "discriminator"):
            before, after = getattr(built.scheme, network), getattr(outcome.scheme, network)
            same = eqx.tree_equal(before, after)
            assert bool(same) is (network != player), (player, network)


# Networks simple enough to know what they were shown.


class Echo(eqx.Module):
    """A generator whose image is its first feature everywhere."""

    def __call__(self, noise: Any, condition: Condition, *, key: Any) -> Any:
        del key
        return jnp.broadcast_to(condition.features[:, :1, None], (len(noise), *SHAPE)), self


def test_two_responses_are_told_apart_through_the_same_noise(events: Events):
    built = model(events, discriminator=VIT | {"dropout": 0.0}, instance_noise=1.0, terms=["diversity"])
    # Of equal responses the embeddings are equal, and the term is as large as it gets.
    scheme = eqx.tree_at(lambda own: own.generator, built.scheme, Echo())
    outcome = eqx.filter_jit(lambda own, batch: own.loss("generator", batch, KEY))(scheme, batch_of(built, events))
    assert float(outcome.metrics["diversity"]) > 1e3


class Dropping(eqx.Module):
    """A generator that says whether it dropped."""

    def __call__(self, noise: Any, condition: Condition, *, key: Any) -> Any:
        return jnp.full((len(noise), *SHAPE), 0.0 if key is None else 1.0), self


class Mismatch(eqx.Module):
    """A discriminator whose logit is the squared distance of an image from its first feature, less one."""

    def __call__(self, x: Any, features: Any, maps: Any = None, *, key: Any) -> Any:
        del maps, key
        off = jnp.square(jnp.mean(x, axis=(1, 2)) - features[:, 0])
        return (off - 1.0)[:, None], x.reshape(len(x), -1), self


def with_stubs(events: Events, **table: Any) -> tuple[Model, Batch]:
    built = model(events, **table)
    scheme = eqx.tree_at(lambda s: (s.generator, s.discriminator), built.scheme, (Echo(), Mismatch()))
    built = eqx.tree_at(lambda m: m.scheme, built, scheme)
    batch = batch_of(built, events)
    different = jnp.linspace(-2.0, 3.0, len(batch.x))[:, None]
    features = jnp.concatenate([different, batch.condition.features[:, 1:]], axis=-1)
    echoed = jnp.broadcast_to(different[:, :, None], (len(features), *SHAPE))
    condition = Condition(batch.condition.particles, features)
    return built, replace(batch, x=echoed, condition=condition)


def test_generated_images_are_judged_with_the_condition_they_were_made_from(events: Events):
    """Both real and generated pairs fit exactly, so that every logit is minus one."""
    built, batch = with_stubs(events)
    softplus = np.log1p(np.exp(-1.0))
    outcome = built.scheme.loss("discriminator", batch, KEY)
    assert float(outcome.value) == pytest.approx((1.0 + softplus) + softplus, rel=1e-5)
    assert float(built.scheme.loss("generator", batch, KEY).value) == pytest.approx(1.0 + softplus, rel=1e-5)
    assert (float(outcome.metrics["accuracy_real"]), float(outcome.metrics["accuracy_fake"])) == (0.0, 1.0)


def test_conditions_are_permuted_inside_the_batch(events: Events):
    """Compared with the unpermuted events, most images are another's; with the permuted ones all are right."""
    terms = [{"name": "l1", "weight": 1.0}]
    built, batch = with_stubs(events, terms=terms)
    assert float(built.scheme.loss("generator", batch, KEY).metrics["l1"]) == 0.0
    published, _ = with_stubs(events, terms=terms, pairing="as_published")
    assert float(published.scheme.loss("generator", batch, KEY).metrics["l1"]) > 1.0
    other = published.scheme.loss("generator", batch, jax.random.key(1)).metrics["l1"]
    assert float(other) != float(published.scheme.loss("generator", batch, KEY).metrics["l1"])


@pytest.mark.parametrize(("name", "key"), [("zero_centred", "condition"), ("gradient_penalty", "pairing")])
def test_penalties_judge_images_under_their_own_condition_unless_as_published(name: str, key: str, events: Events):
    """The logit has no slope where an image fits its condition, which is where all of them are."""
    clean, batch = with_stubs(events, regularisers=[name])
    published, _ = with_stubs(events, regularisers=[{"name": name, key: "as_published"}])
    values = [float(each.scheme.loss("discriminator", batch, KEY).metrics[name]) for each in (clean, published)]
    flat = {"zero_centred": 0.0, "gradient_penalty": 10.0}[name]
    assert values[0] == pytest.approx(flat, abs=1e-4)
    assert abs(values[1] - flat) > 1e-3


@pytest.mark.parametrize("kept", [False, True])
def test_dropout_is_kept_at_sampling_only_where_asked_for(kept: bool, events: Events):
    built = model(events, sampling_dropout=kept)
    scheme = eqx.tree_at(lambda s: s.generator, built.scheme, Dropping())
    condition = batch_of(built, events).condition
    np.testing.assert_allclose(scheme.sample(condition, KEY), np.expm1(float(kept)), rtol=1e-6)


def test_samples_are_photons_that_vary_with_the_noise(events: Events):
    built = model(events)
    sampled = eqx.filter_jit(lambda built, particles, key: built.sample(particles, key))
    particles = jnp.asarray(events.particles, jnp.float32)
    one, same, other = (np.asarray(sampled(built, particles, jax.random.key(seed))) for seed in (1, 1, 2))
    assert one.shape == (len(events), *SHAPE)
    assert one.min() >= 0
    np.testing.assert_array_equal(one, same)
    assert (one != other).any()


REAL, FAKE = np.array([3.0, -1.0, 0.5]), np.array([-2.0, 0.25, 1.0])


def entropy(probability: np.ndarray, label: float) -> float:
    return float(np.mean(-label * np.log(probability) - (1 - label) * np.log(1 - probability)))


def test_objectives_against_their_formulas():
    real, fake = jnp.asarray(REAL, jnp.float32), jnp.asarray(FAKE, jnp.float32)
    p, q = 1 / (1 + np.exp(-REAL)), 1 / (1 + np.exp(-FAKE))
    for objective in (NonSaturatingConfig(), MinimaxConfig()):
        assert float(objective.discriminator(real, fake)) == pytest.approx(entropy(p, 1) + entropy(q, 0), rel=1e-5)
        assert float(objective.boundary(real, fake)) == 0.0
    assert float(NonSaturatingConfig().generator(fake)) == pytest.approx(entropy(q, 1), rel=1e-5)
    assert float(MinimaxConfig().generator(fake)) == pytest.approx(np.mean(np.log(1 - q)), rel=1e-5)
    critic = WassersteinConfig()
    assert float(critic.discriminator(real, fake)) == pytest.approx(FAKE.mean() - REAL.mean(), rel=1e-5)
    assert float(critic.generator(fake)) == pytest.approx(-FAKE.mean(), rel=1e-5)
    assert float(critic.boundary(real, fake)) == pytest.approx((FAKE.mean() + REAL.mean()) / 2, rel=1e-5)


def test_what_does_not_fit_is_refused_in_one_line(events: Events):
    maps = ModelConfig.model_validate({"scheme": PLAIN, "maps": "impact_maps"})
    with pytest.raises(ComponentError, match=r"^architecture 'vit' has no use for condition maps in a generator$"):
        maps.build(SMALL, maps.unfitted(SMALL), {}, key=KEY)
    twice = ModelConfig.model_validate({"scheme": PLAIN | {"regularisers": ["zero_centred", "zero_centred"]}})
    with pytest.raises(ComponentError, match=r"^regulariser 'zero_centred' is listed twice$"):
        twice.build(SMALL, twice.unfitted(SMALL), {}, key=KEY)
    sums = ModelConfig.model_validate({"scheme": PLAIN, "target": "channels"})
    with pytest.raises(ComponentError, match="needs an image"):
        sums.build(SMALL, sums.unfitted(SMALL), {}, key=KEY)


@pytest.mark.parametrize(
    ("recipe", "switched"),
    [
        ("zn_gan_l1_pp", {("gan", "pairing"): "as_published", ("scaled", "apply_in"): "log"}),
        ("zn_sdi_gan", {("gan", "terms", 0, "permuted"): False}),
        ("zn_gan_gp_fixed", {("gan", "regularisers", 0, "condition"): "as_published"}),
        ("zn_wgan", {("gan", "regularisers", 0, "pairing"): "as_published"}),
    ],
)
def test_one_key_of_a_recipe_switches_to_what_the_published_code_does(recipe: str, switched: dict[Any, Any]):
    clean, published = load_recipe(recipe).recipe, load_recipe(recipe, ["compat=published"]).recipe
    for (stage, *path), value in switched.items():
        before, after = (plain(each)["stages"][stage]["model"]["scheme"] for each in (clean, published))
        for key in path:
            before, after = before[key], after[key]
        assert after == value
        assert before != value


# What a step costs.


def test_one_program_serves_every_step_and_moves_all_of_both_networks(events: Events, monkeypatch: pytest.MonkeyPatch):
    traced: list[str] = []
    loss = GAN.loss

    def counted(self: GAN, player: str, batch: Batch, key: Any) -> Outcome:
        traced.append(player)
        return loss(self, player, batch, key)

    monkeypatch.setattr(GAN, "loss", counted)
    table = {
        "model": {"scheme": PLAIN | {"terms": ["l1", "diversity"], "regularisers": ["zero_centred"]}},
        "train": {"epochs": 3, "batch_size": 8, "optimizer": {"name": "adam", "learning_rate": 1e-2}},
    }
    stage = Stage.model_validate(table)
    constants = stage.model.fit(SMALL, events)
    trainer = Trainer("main", stage, SMALL, StageData(events, events), constants, {}, seed=0)
    first = trainer.start()
    before = [np.asarray(leaf) for leaf in jax.tree.leaves(eqx.filter(first.model, eqx.is_array))]
    paths = [path for path, _ in jax.tree.leaves_with_path(eqx.filter(first.model, eqx.is_array))]
    state, progress = trainer.advance(first, 0, 1)
    assert bool(progress.healthy)
    once = list(traced)
    assert set(once) == {"generator", "discriminator"}
    for number in range(1, 4):
        state, _ = trainer.advance(state, number, 1)
    assert traced == once
    after = [np.asarray(leaf) for leaf in jax.tree.leaves(eqx.filter(state.model, eqx.is_array))]
    for path, one, other in zip(paths, before, after, strict=True):
        name = jax.tree_util.keystr(path)
        owned = ".generator" in name or ".discriminator" in name
        assert (one != other).any() == owned, name


def test_both_players_share_the_passes_they_have_in_common(events: Events):
    """A whole step costs less than the two losses apart, by a pass of the generator and one of the discriminator."""
    built = model(events)
    batch = batch_of(built, events)

    def operations(compute: Any) -> float:
        arrays, static = eqx.partition((built, batch), eqx.is_array)
        program = jax.jit(lambda arrays: eqx.filter(compute(*eqx.combine(arrays, static)), eqx.is_array))
        options = {"xla_backend_optimization_level": 0, "xla_llvm_disable_expensive_passes": True}
        found = program.lower(arrays).compile(compiler_options=options).cost_analysis()
        return float((found[0] if isinstance(found, list) else found)["flops"])

    def gradient(player: str, built: Model, batch: Batch) -> Any:
        def loss(network: Any) -> Any:
            scheme = eqx.tree_at(lambda scheme: getattr(scheme, player), built.scheme, network)
            return scheme.loss(player, batch, KEY).value

        return eqx.filter_grad(loss)(getattr(built.scheme, player))

    apart = [operations(partial(gradient, player)) for player in built.scheme.players()]
    whole = operations(lambda *parts: [gradient(player, *parts) for player in built.scheme.players()])

    def passes(built: Model, batch: Batch) -> Any:
        made, _ = built.scheme.generator(jnp.ones((len(batch.x), 3)), batch.condition, key=KEY)
        return built.scheme.discriminator(made, batch.condition.features, key=KEY)[0]

    assert whole < sum(apart) - 0.8 * operations(passes)
