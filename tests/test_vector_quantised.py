"""Tokenisers of responses and particles, and the prior: losses against plain NumPy, gradients, state, samples."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from zoo.data.events import Events
from zoo.detectors.detector import Detector
from zoo.errors import ComponentError
from zoo.layers.buffer import Buffer
from zoo.recipe.schema import EvaluateConfig, Recipe
from zoo.runner.judgement import judged
from zoo.runner.observer import Silent
from zoo.runner.signals import StopRequest
from zoo.runner.state import owned_by
from zoo.runner.trainer import StageData, Trainer
from zoo.schemes.model import Model, ModelConfig, network_paths
from zoo.schemes.scheme import Batch, Outcome
from zoo.schemes.vector_quantised.token_prior import TokenPrior
from zoo.schemes.vector_quantised.vq_vae import VQVAE
from zoo.shelf.store import Store

KEY = jax.random.key(0)
BATCH = 6
VIT = {"name": "vit", "patch": 22, "width": 8, "heads": 1, "blocks": 1, "dropout": 0.0}
GRADIENT = {"name": "gradient", "size": 5, "projection": 3}
EMA = {"name": "ema", "size": 5}
RESPONSES: dict[str, Any] = {"name": "vq_vae", "network": VIT, "code_size": 6, "codebook": GRADIENT}
PARTICLES: dict[str, Any] = {
    "name": "vq_particle",
    "hidden": [8],
    "code_size": 4,
    "codebook": {"name": "gradient", "size": 4},
}
CRITIC = {"name": "token_critic", "network": VIT, "hidden": [4]}
ADVERSARY = {"critic": CRITIC, "objective": "non_saturating", "reduction": "sum", "weight": 0.9, "critic_weight": 0.5}
NETWORK = {"name": "token_transformer", "width": 8, "heads": 1, "blocks": 1, "dropout": 0.0}
PRIOR: dict[str, Any] = {"name": "token_prior", "responses": "one", "particles": "two", "network": NETWORK}

batched = eqx.filter_jit(lambda model, counts, particles: model.batch(counts, particles, KEY))
sampled = eqx.filter_jit(lambda model, particles, key: model.sample(particles, key))
asked = eqx.filter_jit(lambda scheme, batch: scheme.errors(batch))
encoded = eqx.filter_jit(lambda scheme, x: scheme.encoder(x[..., None], None, key=None)[0])
coded = eqx.filter_jit(lambda scheme, x: scheme.codes(x))
decoded = eqx.filter_jit(lambda scheme, ids: scheme.decode(ids))
imagined = eqx.filter_jit(lambda scheme, tokens: scheme.decoder(tokens, None, key=None)[0])
judged_by = eqx.filter_jit(lambda critic, x, features: critic(x, features, key=None)[0])
predicted = eqx.filter_jit(lambda network, given, ids: network(given, ids, key=None))
rebuilt = eqx.filter_jit(lambda scheme, batch: scheme.reconstruct(batch))


@eqx.filter_jit
def trained(model: Model, batch: Batch, player: str) -> tuple[Outcome, Any]:
    """What the loss of a player returns, and its gradient for the networks of all."""
    owned, rest = eqx.partition(model, owned_by(model, network_paths(model.scheme)))

    def loss(owned: Any) -> tuple[Any, Outcome]:
        outcome = eqx.combine(owned, rest).scheme.loss(player, batch, KEY)
        return outcome.value, outcome

    (_, outcome), gradient = eqx.filter_value_and_grad(loss, has_aux=True)(owned)
    return outcome, gradient


@pytest.fixture(scope="module")
def events(zn: Detector, make_events: Callable[..., Events]) -> Events:
    return make_events(zn, BATCH)


def built(detector: Detector, table: dict[str, Any], earlier: dict[str, Model] | None = None) -> Model:
    config = ModelConfig.model_validate({"scheme": table})
    return config.build(detector, config.unfitted(detector, earlier), earlier or {}, key=KEY)


@pytest.fixture(scope="module")
def prior(zn: Detector) -> Model:
    return built(zn, PRIOR, {"one": built(zn, RESPONSES), "two": built(zn, PARTICLES)})


def batch_of(model: Model, events: Events) -> Batch:
    return batched(model, jnp.asarray(events.counts), jnp.asarray(events.particles, jnp.float32))


def number(value: Any) -> float:
    return float(np.asarray(value))


def squares(values: Any) -> float:
    values = np.asarray(values, np.float64)
    return float(np.square(values).sum() / len(values))


def largest(tree: Any) -> float:
    return max(float(np.abs(np.asarray(leaf)).max()) for leaf in jax.tree.leaves(eqx.filter(tree, eqx.is_array)))


def dense(layer: Any, x: Any) -> np.ndarray:
    return np.asarray(x) @ np.asarray(layer.weight) + np.asarray(layer.bias)


@pytest.mark.parametrize("before", [False, True])
@pytest.mark.parametrize(("codebook", "weight"), [(GRADIENT, 1.25), (EMA, 0.25)])
def test_the_loss_of_the_vq_vae(codebook: dict[str, Any], weight: float, before: bool, zn: Detector, events: Events):
    model = built(zn, RESPONSES | {"codebook": codebook, "post_before_st": before})
    scheme, batch = model.scheme, batch_of(model, events)
    assert isinstance(scheme, VQVAE)
    outcome, gradient = trained(model, batch, "autoencoder")
    entered = dense(scheme.bottleneck.pre, encoded(scheme, batch.x))
    entered /= np.sqrt((entered**2).sum(axis=-1, keepdims=True) + 1e-12)
    vectors = np.asarray(scheme.bottleneck.codebook.lookup(coded(scheme, batch.x)))
    post = dense(scheme.bottleneck.post, vectors)
    image = imagined(scheme, jnp.asarray(post, jnp.float32))
    reconstruction = squares(np.asarray(batch.x) - np.asarray(image))
    quantisation = weight * squares(entered - (post if before else vectors))
    assert quantisation > 0.1
    assert number(outcome.metrics["reconstruction"]) == pytest.approx(reconstruction, rel=1e-3)
    assert number(outcome.metrics["quantisation"]) == pytest.approx(quantisation, rel=1e-3)
    assert number(outcome.value) == pytest.approx(reconstruction + quantisation, rel=1e-3)
    assert 1 <= number(outcome.metrics["perplexity"]) <= 5
    bottleneck = gradient.scheme.bottleneck
    for network in (gradient.scheme.encoder, gradient.scheme.decoder, bottleneck.pre):
        assert largest(network) > 0
    learned = codebook is GRADIENT
    assert (largest(bottleneck.codebook) > 0) if learned else not jax.tree.leaves(bottleneck.codebook)
    # Of the published wiring with running averages nothing trains the dense layer behind the codebook.
    assert (largest(bottleneck.post) > 0) == (learned or not before)


def test_derivatives_pass_straight_through_to_the_encoder(zn: Detector):
    """The encoder gets what the decoder's tokens get, as if nothing had been quantised."""
    scheme = built(zn, RESPONSES | {"post_before_st": True}).scheme
    assert isinstance(scheme, VQVAE)
    bottleneck = scheme.bottleneck
    x = jnp.asarray(np.random.default_rng(0).normal(size=(BATCH, 4, 8)), jnp.float32)
    weights = jnp.asarray(np.random.default_rng(1).normal(size=(BATCH, 4, 6)), jnp.float32)

    def normalised(x: Any) -> Any:
        entered = bottleneck.pre(x)
        return entered / jnp.sqrt(jnp.sum(jnp.square(entered), axis=-1, keepdims=True) + 1e-12)

    found = jax.grad(lambda x: jnp.sum(weights * bottleneck(x).tokens))(x)
    np.testing.assert_allclose(found, jax.grad(lambda x: jnp.sum(weights * normalised(x)))(x), atol=1e-5)
    assert np.abs(np.asarray(bottleneck(x).tokens - normalised(x))).max() > 0.1
    np.testing.assert_allclose(bottleneck(x).tokens, bottleneck.lookup(bottleneck.codes(x)), atol=1e-6)


def _buffers(tree: Any) -> list[np.ndarray]:
    nodes = jax.tree.leaves(tree, is_leaf=lambda node: isinstance(node, Buffer))
    return [np.asarray(node.value) for node in nodes if isinstance(node, Buffer)]


def test_reconstructions_are_those_of_the_codes_and_their_error_is_told(zn: Detector, events: Events):
    model = built(zn, RESPONSES)
    scheme, batch = model.scheme, batch_of(model, events)
    assert isinstance(scheme, VQVAE)
    ids = coded(scheme, batch.x)
    assert ids.shape == (BATCH, 4)
    image = np.asarray(decoded(scheme, ids))
    photons = np.asarray(rebuilt(scheme, batch))
    np.testing.assert_allclose(photons, np.expm1(image), rtol=1e-3, atol=1e-4)
    expected = np.square(np.asarray(batch.x) - image).sum(axis=(1, 2))
    np.testing.assert_allclose(asked(scheme, batch)["loss"], expected, rtol=1e-3)
    with pytest.raises(ComponentError, match="generates none"):
        model.sample(jnp.asarray(events.particles, jnp.float32), KEY)


def test_reconstructions_of_a_stage_are_compared_with_their_originals(zn: Detector, events: Events):
    model = built(zn, RESPONSES)
    config = EvaluateConfig(bootstrap=0)
    told, arrays = judged(model, jnp.dtype("float32"), zn, events, config, KEY, Silent(), StopRequest())
    photons = np.asarray(rebuilt(model.scheme, batch_of(model, events)), np.float64)
    true, found = (np.einsum("nhw,rhw->nr", one, zn.readout.astype(float)) for one in (events.counts, photons))
    metrics = told["reconstruction"]["metrics"]
    assert metrics["mae"]["mean"] == pytest.approx(np.abs(true - found).mean(), rel=1e-3)
    apart = np.abs(np.sort(true, axis=0) - np.sort(found, axis=0)).mean()
    assert metrics["wasserstein"]["mean"] == pytest.approx(apart, rel=1e-3)
    assert set(told["errors"]) == {"loss"}
    entries = np.asarray(coded(model.scheme, batch_of(model, events).x))
    np.testing.assert_array_equal(arrays["codebook"], [(entries == entry).sum() for entry in range(5)])
    assert told["codebook"]["used"] == len(np.unique(entries))


def test_the_use_of_a_particle_codebook_counts_every_token_of_every_event(zn: Detector, events: Events):
    model = built(zn, PARTICLES)
    few = EvaluateConfig(bootstrap=0, events=BATCH - 2)
    told, arrays = judged(model, jnp.dtype("float32"), zn, events, few, KEY, Silent(), StopRequest())
    entries = coded(model.scheme, batch_of(model, events).condition.features)[: BATCH - 2]
    np.testing.assert_array_equal(arrays["codebook"], np.bincount(np.asarray(entries).reshape(-1), minlength=4))
    assert arrays["codebook"].sum() == 2 * (BATCH - 2)
    assert told["codebook"]["entries"] == 4


@pytest.mark.parametrize(("progress", "awake"), [(0.1, 0.0), (0.3, 1.0)])
def test_the_adversary_sleeps_until_the_warm_up_is_over(progress: float, awake: float, zn: Detector, events: Events):
    model = built(zn, RESPONSES | {"codebook": EMA, "adversary": ADVERSARY | {"warmup": 0.2}})
    scheme, batch = model.scheme, replace(batch_of(model, events), progress=jnp.asarray(progress))
    assert isinstance(scheme, VQVAE)
    assert scheme.adversary is not None
    own, _ = trained(model, batch, "autoencoder")
    other, gradient = trained(model, batch, "discriminator")
    features = batch.condition.features
    image = decoded(scheme, coded(scheme, batch.x))
    real, fake = (np.asarray(judged_by(scheme.adversary.critic, x, features)) for x in (batch.x, image))
    assert real.shape == (BATCH, 4)
    deceived = np.log1p(np.exp(-fake)).sum(axis=1).mean()
    assert number(own.metrics["adversarial"]) == pytest.approx(awake * deceived, rel=1e-3, abs=1e-9)
    rest = number(own.metrics["reconstruction"]) + number(own.metrics["quantisation"])
    assert number(own.value) == pytest.approx(rest + awake * 0.9 * deceived, rel=1e-4)
    right = (np.log1p(np.exp(-real)) + np.log1p(np.exp(fake))).sum(axis=1).mean()
    assert number(other.value) == pytest.approx(awake * 0.5 * right, rel=1e-3, abs=1e-9)
    assert (largest(gradient.scheme.adversary.critic) > 0) == bool(awake)
    assert largest(gradient.scheme.encoder) == 0


@pytest.mark.parametrize(
    ("table", "reduce"), [({}, squares), ({"reduction": "mean", "activation": "gelu"}, lambda x: np.square(x).mean())]
)
def test_the_loss_of_the_particle_tokeniser(
    table: dict[str, Any], reduce: Callable[[Any], float], zn: Detector, events: Events
):
    model = built(zn, PARTICLES | table)
    scheme, batch = model.scheme, batch_of(model, events)
    outcome, gradient = trained(model, batch, "autoencoder")
    features = np.asarray(batch.condition.features, np.float64)
    activate = jax.nn.gelu if table else (lambda x: jnp.where(x > 0, x, 0.2 * x))
    x = features
    for layer in scheme.encoder:
        x = np.asarray(activate(jnp.asarray(dense(layer, x), jnp.float32)))
    entered = dense(scheme.bottleneck.pre, x.reshape(BATCH, 2, 4))
    entered = entered / np.sqrt((entered**2).sum(axis=-1, keepdims=True) + 1e-12)
    vectors = np.asarray(scheme.bottleneck.codebook.lookup(coded(scheme, batch.condition.features)))
    x = dense(scheme.bottleneck.post, vectors).reshape(BATCH, -1)
    for layer in scheme.decoder[:-1]:
        x = np.asarray(activate(jnp.asarray(dense(layer, x), jnp.float32)))
    found = dense(scheme.decoder[-1], x)
    expected = reduce(features - found) + 1.25 * reduce(entered - vectors)
    assert number(outcome.value) == pytest.approx(expected, rel=1e-3)
    np.testing.assert_allclose(asked(scheme, batch)["loss"], np.square(features - found).mean(axis=1), rtol=1e-3)
    for network in (gradient.scheme.encoder, gradient.scheme.bottleneck, gradient.scheme.decoder):
        assert largest(network) > 0


@pytest.mark.parametrize("kind", ["softmax", "sigmoid"])
def test_the_loss_of_the_prior(kind: str, prior: Model, events: Events):
    scheme = prior.scheme
    assert isinstance(scheme, TokenPrior)
    config = scheme.config.model_copy(update={"prior_loss": kind})
    model = replace(prior, scheme=replace(scheme, config=config))
    batch = batch_of(model, events)
    outcome, gradient = trained(model, batch, "prior")
    given, ids = coded(scheme.particles.scheme, batch.condition.features), coded(scheme.tokeniser, batch.x)
    logits = predicted(scheme.network, given, ids)
    losses = []
    for part, wanted in zip(logits, (given[:, 1:], ids), strict=True):
        part = np.asarray(part, np.float64)
        own = np.eye(part.shape[-1])[np.asarray(wanted)]
        if kind == "softmax":
            probability = np.exp(part) / np.exp(part).sum(axis=-1, keepdims=True)
            losses.append(-np.log((own * probability).sum(axis=-1)))
        else:
            probability = 1 / (1 + np.exp(-part))
            losses.append(-np.log(np.where(own > 0, probability, 1 - probability)).sum(axis=-1))
    expected = np.concatenate(losses, axis=1)
    assert expected.shape == (BATCH, 1 + 4)
    assert number(outcome.value) == pytest.approx(expected.mean(), rel=1e-4)
    np.testing.assert_allclose(asked(model.scheme, batch)["loss"], expected.mean(axis=1), rtol=1e-4)
    assert largest(gradient.scheme.network) > 0
    assert len(jax.tree.leaves(gradient)) == len(jax.tree.leaves(eqx.filter(scheme.network, eqx.is_array)))


def test_the_prior_generates_what_its_tokeniser_can_decode(prior: Model, zn: Detector, events: Events):
    particles = jnp.asarray(events.particles, jnp.float32)
    one, again, other = (np.asarray(sampled(prior, particles, jax.random.key(seed))) for seed in (1, 1, 2))
    assert one.shape == (BATCH, *zn.shape)
    assert (one >= 0).all()
    np.testing.assert_array_equal(one, again)
    assert np.abs(one - other).max() > 0
    cold = replace(prior, scheme=replace(prior.scheme, config=prior.scheme.config.model_copy(update={"top_k": 1})))
    np.testing.assert_array_equal(*(sampled(cold, particles, jax.random.key(seed)) for seed in (1, 2)))


@pytest.mark.parametrize(
    ("table", "complaint"),
    [
        ({"responses": "two"}, "stage 'two' makes no tokens of responses"),
        ({"particles": "one"}, "stage 'one' makes no tokens of particles"),
        ({"top_k": 6}, "top_k = 6 is larger than the codebook with its 5 entries"),
    ],
)
def test_a_prior_that_cannot_be_is_refused_in_one_line(
    table: dict[str, Any], complaint: str, prior: Model, zn: Detector
):
    assert isinstance(prior.scheme, TokenPrior)
    earlier = {"one": prior.scheme.responses, "two": prior.scheme.particles}
    with pytest.raises(ComponentError, match=complaint):
        built(zn, PRIOR | table, earlier)


def test_another_model_space_is_refused(prior: Model, zn: Detector):
    assert isinstance(prior.scheme, TokenPrior)
    earlier = {"one": prior.scheme.responses, "two": prior.scheme.particles}
    config = ModelConfig.model_validate(
        {"scheme": PRIOR, "target": {"name": "response", "transforms": ["log1p", {"name": "scale", "factor": 2.0}]}}
    )
    with pytest.raises(ComponentError, match=r"must have the same model\.target"):
        config.build(zn, config.unfitted(zn, earlier), earlier, key=KEY)


def test_an_encoder_and_a_decoder_that_do_not_meet_are_refused(zn: Detector):
    with pytest.raises(ComponentError, match="gives 25 tokens, its decoder wants 36"):
        eqx.filter_eval_shape(lambda: built(zn, RESPONSES | {"network": {"name": "cnn", "channels": [4, 4, 4]}}))


@pytest.mark.parametrize("detector", ["zn", "zp"])
def test_generated_responses_have_the_shape_of_the_detector(detector: str, request: pytest.FixtureRequest):
    owner = request.getfixturevalue(detector)
    model = eqx.filter_eval_shape(
        lambda: built(owner, PRIOR, {"one": built(owner, RESPONSES), "two": built(owner, PARTICLES)})
    )
    particles = jax.ShapeDtypeStruct((BATCH, 10), jnp.float32)
    found = eqx.filter_eval_shape(lambda model, particles: model.sample(particles, KEY), model, particles)
    assert (found.shape, found.dtype) == ((BATCH, *owner.shape), jnp.float32)


def test_a_checkpoint_keeps_running_averages_bit_by_bit(zn: Detector, events: Events, tmp_path: Path):
    table = {
        "detector": "zn",
        "model": {"scheme": RESPONSES | {"codebook": EMA}},
        "train": {"epochs": 4, "batch_size": 4, "optimizer": {"name": "adam", "learning_rate": 1e-3}},
    }
    stage = Recipe.model_validate(table).stages["main"]
    trainer = Trainer("main", stage, zn, StageData(events, events), stage.model.unfitted(zn), {}, 0)
    state, _ = trainer.advance(trainer.start(), 0, 1)
    store = Store(tmp_path / "state", keep=1)
    store.save(1, state)
    state, _ = trainer.advance(state, 1, 1)
    resumed, _ = trainer.advance(store.restore(eqx.filter_eval_shape(trainer.start)), 1, 1)
    store.close()
    arrays, again = (jax.tree.leaves(eqx.filter(one.model.scheme, eqx.is_array)) for one in (state, resumed))
    assert all(np.array_equal(a, b) for a, b in zip(arrays, again, strict=True))
    before, after = _buffers(trainer.model.scheme), _buffers(state.model.scheme)
    assert [one.shape for one in after] == [(5,), (5, 6), (5, 6)]
    assert all(np.abs(a - b).max() > 0 for a, b in zip(before, after, strict=True))
    assert after[0].sum() == pytest.approx(0.99 * (0.99 * 5 + 0.16) + 0.16, rel=1e-4), "two steps of four tokens each"
