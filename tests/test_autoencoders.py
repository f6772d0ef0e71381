"""The autoencoders: their losses against plain NumPy, their gradients, their samples."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from zoo.data.events import Events
from zoo.detectors.detector import Detector
from zoo.errors import ComponentError, RecipeError
from zoo.layers.buffer import Buffer
from zoo.recipe.load import load_recipe
from zoo.runner.state import owned_by
from zoo.schemes.autoencoders.noise_autoencoder import NoiseAutoencoder
from zoo.schemes.autoencoders.supervised_autoencoder import SupervisedAutoencoder
from zoo.schemes.autoencoders.vae import VAE
from zoo.schemes.model import Model, ModelConfig, network_paths
from zoo.schemes.scheme import Batch, Outcome
from zoo.schemes.terms.sinkhorn import SinkhornConfig

KEY = jax.random.key(0)
BATCH = 6
VIT = {"name": "vit", "patch": 22, "width": 8, "heads": 1, "blocks": 1, "dropout": 0.0}
CNN = {"name": "cnn", "channels": [4, 8], "blocks": 1}
SMALL = {"network": VIT, "token_size": 3}
SCHEMES: dict[str, dict[str, Any]] = {
    "vae": {"name": "vae", "latent": 4},
    "vae_embedded": {"name": "vae", "latent": 4, "embedding": {"name": "particle_type", "size": 3, "classes": 5}},
    "vae_direct": {"name": "vae", "latent": 4, "terms": ["channel_wasserstein"]},
    "supervised": {"name": "supervised_autoencoder", "noise": 3, "feature_weight": 2.5},
    "noise_l2": {"name": "noise_autoencoder", "latent": 5, "noise": 3, "hidden": 4},
    "noise_sinkhorn": {"name": "noise_autoencoder", "latent": 5, "noise": 3, "hidden": 4, "alignment": "sinkhorn"},
    "decoder_only": {"name": "decoder_only", "noise": 3},
}
each_scheme = pytest.mark.parametrize("name", SCHEMES)

batched = eqx.filter_jit(lambda model, counts, particles: model.batch(counts, particles, KEY))
sampled = eqx.filter_jit(lambda model, particles, key: model.sample(particles, key))
encoded_by = eqx.filter_jit(lambda scheme, x, features: scheme.encoder(x[..., None], features, key=None)[0])
decoded_by = eqx.filter_jit(lambda scheme, *parts: scheme.decoder(*parts, key=None)[0])
divergence = eqx.filter_jit(SinkhornConfig().divergence)


@pytest.fixture(scope="module")
def events(zn: Detector, make_events: Callable[..., Events]) -> Events:
    return make_events(zn, BATCH)


def config(name: str, network: dict[str, Any] = VIT, **table: Any) -> ModelConfig:
    return ModelConfig.model_validate({"scheme": SMALL | SCHEMES[name] | {"network": network} | table})


def built(detector: Detector, events: Events, name: str, network: dict[str, Any] = VIT, **table: Any) -> Model:
    chosen = config(name, network, **table)
    return chosen.build(detector, chosen.fit(detector, events), {}, key=KEY)


def batch_of(model: Model, events: Events) -> Batch:
    return batched(model, jnp.asarray(events.counts), jnp.asarray(events.particles, jnp.float32))


@eqx.filter_jit
def trained(model: Model, batch: Batch, key: Any) -> tuple[Outcome, Any]:
    """What the loss returns, and its gradient."""
    owned, rest = eqx.partition(model, owned_by(model, network_paths(model.scheme)))
    [player] = model.scheme.players()

    def loss(owned: Any) -> tuple[Any, Outcome]:
        outcome = eqx.combine(owned, rest).scheme.loss(player, batch, key)
        return outcome.value, outcome

    (_, outcome), gradient = eqx.filter_value_and_grad(loss, has_aux=True)(owned)
    return outcome, gradient


def squares(values: Any) -> float:
    """Summed over all but the first axis, averaged over that, in float64."""
    values = np.asarray(values, np.float64)
    return float(np.square(values).sum() / len(values))


def number(value: Any) -> float:
    return float(np.asarray(value))


@each_scheme
def test_every_network_gets_a_finite_gradient(name: str, zn: Detector, events: Events):
    model = built(zn, events, name)
    outcome, gradient = trained(model, batch_of(model, events), KEY)
    assert np.isfinite([number(value) for value in (outcome.value, *outcome.metrics.values())]).all()
    owned = eqx.filter(model, owned_by(model, network_paths(model.scheme)))
    assert len(jax.tree.leaves(gradient)) == len(jax.tree.leaves(owned))
    for path in network_paths(model.scheme):
        leaves = [np.asarray(leaf) for leaf in jax.tree.leaves(getattr(gradient.scheme, path))]
        assert all(np.isfinite(leaf).all() for leaf in leaves), path
        assert max(np.abs(leaf).max() for leaf in leaves) > 0, path


@each_scheme
@pytest.mark.parametrize("detector", ["zn", "zp"])
def test_samples_have_the_shape_of_the_detector(name: str, detector: str, request: pytest.FixtureRequest):
    chosen, owner = config(name), request.getfixturevalue(detector)
    model = eqx.filter_eval_shape(lambda: chosen.build(owner, chosen.unfitted(owner), {}, key=KEY))
    particles = jax.ShapeDtypeStruct((BATCH, 10), jnp.float32)
    found = eqx.filter_eval_shape(lambda model, particles: model.sample(particles, KEY), model, particles)
    assert (found.shape, found.dtype) == ((BATCH, *owner.shape), jnp.float32)


@each_scheme
def test_samples_are_photons_drawn_anew_with_every_key(name: str, zn: Detector, events: Events):
    model, particles = built(zn, events, name), jnp.asarray(events.particles, jnp.float32)
    one, again, other = (np.asarray(sampled(model, particles, jax.random.key(seed))) for seed in (1, 1, 2))
    assert np.isfinite(one).all()
    assert (one >= 0).all()
    np.testing.assert_array_equal(one, again)
    assert (np.abs(one - other).max(axis=(1, 2)) > 1e-6).all()


def test_running_statistics_move_in_encoder_and_decoder_and_nothing_else_does(zn: Detector, events: Events):
    model = built(zn, events, "vae", CNN)
    moved = trained(model, batch_of(model, events), KEY)[0].scheme
    assert isinstance(model.scheme, VAE)
    assert isinstance(moved, VAE)
    for path in ("encoder", "decoder"):
        before, after = (_buffers(getattr(scheme, path)) for scheme in (model.scheme, moved))
        assert before
        assert all(np.abs(np.asarray(a) - np.asarray(b)).max() > 0 for a, b in zip(before, after, strict=True))
    leaves = zip(_weights(model.scheme), _weights(moved), strict=True)
    assert all(np.array_equal(one, other) for one, other in leaves)


def _is_buffer(node: Any) -> bool:
    return isinstance(node, Buffer)


def _buffers(network: Any) -> list[Any]:
    return [node.value for node in jax.tree.leaves(network, is_leaf=_is_buffer) if _is_buffer(node)]


def _weights(network: Any) -> list[Any]:
    arrays = eqx.filter(network, eqx.is_array)
    return [node for node in jax.tree.leaves(arrays, is_leaf=_is_buffer) if not _is_buffer(node)]


def test_sampling_uses_running_statistics_so_that_particles_do_not_influence_each_other(zn: Detector, events: Events):
    model = built(zn, events, "decoder_only", CNN)
    particles = jnp.asarray(events.particles, jnp.float32)
    swapped = particles.at[1:].set(particles[0])
    one, other = (np.asarray(sampled(model, given, KEY)) for given in (particles, swapped))
    np.testing.assert_allclose(one[0], other[0], rtol=1e-4, atol=1e-5)
    assert np.abs(one[1:] - other[1:]).max() > 1e-3


def with_variance(scheme: VAE, log_variance: float, mean: np.ndarray | None = None) -> VAE:
    """The same scheme whose posterior has one variance for all, and one mean where it is given."""
    layer = scheme.head.log_variance
    pinned = (jnp.zeros_like(layer.weight), jnp.full_like(layer.bias, log_variance))
    scheme = eqx.tree_at(lambda s: (s.head.log_variance.weight, s.head.log_variance.bias), scheme, pinned)
    if mean is None:
        return scheme
    fixed = (jnp.zeros_like(scheme.head.mean.weight), jnp.asarray(mean, jnp.float32))
    return eqx.tree_at(lambda s: (s.head.mean.weight, s.head.mean.bias), scheme, fixed)


def dense(layer: Any, x: Any) -> np.ndarray:
    return np.asarray(x) @ np.asarray(layer.weight) + np.asarray(layer.bias)


def posterior_mean(scheme: VAE, tokens: Any) -> np.ndarray:
    head = scheme.head
    hidden = np.maximum(dense(head.hidden, dense(head.per_token, tokens).reshape(BATCH, -1)), 0)
    return dense(head.mean, hidden)


def test_the_vae_loss_is_reconstruction_and_weighted_divergence_summed(zn: Detector, events: Events):
    model = built(zn, events, "vae")
    log_variance = -30.0
    assert isinstance(model.scheme, VAE)
    scheme = with_variance(model.scheme, log_variance)
    model = eqx.tree_at(lambda model: model.scheme, model, scheme)
    batch = batch_of(model, events)
    found, _ = trained(model, batch, KEY)
    features = batch.condition.features
    mean = posterior_mean(scheme, encoded_by(scheme, batch.x, features))
    image = decoded_by(scheme, jnp.asarray(mean), features)
    reconstruction = squares(np.asarray(batch.x, np.float64) - np.asarray(image))
    kl = -0.5 * (1 + log_variance - mean**2 - np.exp(log_variance)).sum(axis=1).mean()
    assert kl > 1
    assert number(found.metrics["reconstruction"]) == pytest.approx(reconstruction, rel=1e-4)
    assert number(found.metrics["kl"]) == pytest.approx(kl, rel=1e-4)
    assert number(found.value) == pytest.approx(reconstruction + 0.7 * kl, rel=1e-4)


class Repeated(eqx.Module):
    """A decoder whose every pixel of the first row is one latent number."""

    weight: jax.Array
    width: int = eqx.field(static=True)

    def __call__(self, latent: Any, features: Any, *, key: Any) -> tuple[Any, Repeated]:
        image = jnp.zeros((len(latent), self.width, self.width))
        return image.at[:, 0, : latent.shape[1]].set(latent), self


def test_the_vae_decodes_a_sample_of_its_posterior(zn: Detector, events: Events):
    """Mean of (x - z)^2 over draws of z: (x - mean)^2 + variance."""
    model = built(zn, events, "vae")
    mean, variance = np.array([0.5, -1.0, 0.0, 2.0]), 0.25
    assert isinstance(model.scheme, VAE)
    scheme = with_variance(model.scheme, float(np.log(variance)), mean)
    scheme = eqx.tree_at(lambda scheme: scheme.decoder, scheme, Repeated(jnp.ones(()), zn.shape[0]))
    batch = eqx.tree_at(lambda batch: batch.x, batch_of(model, events), jnp.zeros((BATCH, *zn.shape)))

    @eqx.filter_jit
    def draws(scheme: VAE, batch: Batch) -> Any:
        return jax.lax.map(
            lambda key: scheme.loss("autoencoder", batch, key).metrics["reconstruction"], jax.random.split(KEY, 500)
        )

    values = np.asarray(draws(scheme, batch))
    assert values.mean() == pytest.approx(np.square(mean).sum() + 4 * variance, rel=0.03)
    assert values.std() > 0


def without_noise(model: Model) -> Model:
    """The same model whose samples do not depend on noise."""
    if isinstance(model.scheme, NoiseAutoencoder):
        return eqx.tree_at(lambda model: model.scheme.generator.noise.weight, model, replace_fn=jnp.zeros_like)
    dense, noise = model.scheme.decoder.enter.dense, model.scheme.config.noise
    return eqx.tree_at(lambda model: model.scheme.decoder.enter.dense.weight, model, dense.weight.at[:noise].set(0.0))


def test_the_supervised_loss_is_reconstruction_and_error_of_the_condition(zn: Detector, events: Events):
    model = without_noise(built(zn, events, "supervised"))
    scheme, batch = model.scheme, batch_of(model, events)
    assert isinstance(scheme, SupervisedAutoencoder)
    found, _ = trained(model, batch, KEY)
    code = dense(scheme.head, np.asarray(encoded_by(scheme, batch.x, None)).reshape(BATCH, -1))
    image = decoded_by(scheme, jnp.zeros((BATCH, 3)), jnp.asarray(code))
    reconstruction = squares(np.asarray(batch.x) - np.asarray(image))
    error = squares(np.asarray(batch.condition.features) - code)
    assert number(found.metrics["features"]) == pytest.approx(error, rel=1e-4)
    assert number(found.value) == pytest.approx(reconstruction + 2.5 * error, rel=1e-4)


def test_a_supervised_sample_decodes_the_true_condition(zn: Detector, events: Events):
    model = without_noise(built(zn, events, "supervised"))
    condition = batch_of(model, events).condition
    image = decoded_by(model.scheme, jnp.zeros((BATCH, 3)), condition.features)
    found = sampled(model, condition.particles, KEY)
    np.testing.assert_allclose(found, np.expm1(np.asarray(image)), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize(("name", "weight"), [("noise_l2", 10.0), ("noise_sinkhorn", 20.0)])
def test_the_noise_autoencoder_draws_generated_codes_to_encoded_ones(
    name: str, weight: float, zn: Detector, events: Events
):
    model = without_noise(built(zn, events, name))
    scheme, batch = model.scheme, batch_of(model, events)
    assert isinstance(scheme, NoiseAutoencoder)
    found, _ = trained(model, batch, KEY)
    features = batch.condition.features
    encoded = np.maximum(dense(scheme.head, np.asarray(encoded_by(scheme, batch.x, None)).reshape(BATCH, -1)), 0)
    generated = np.asarray(eqx.filter_jit(scheme.generator)(jnp.zeros((BATCH, 3)), features))
    image = decoded_by(scheme, jnp.asarray(encoded))
    reconstruction = squares(np.asarray(batch.x) - np.asarray(image))
    if name == "noise_l2":
        distance = squares(encoded - generated)
    else:
        joined = [jnp.concatenate([jnp.asarray(codes), features], axis=1) for codes in (encoded, generated)]
        distance = number(divergence(*joined))
    assert distance > 1e-3
    assert number(found.metrics["alignment"]) == pytest.approx(distance, rel=1e-3)
    assert number(found.value) == pytest.approx(reconstruction + weight * distance, rel=1e-4)
    samples = sampled(model, batch.condition.particles, KEY)
    expected = decoded_by(scheme, jnp.asarray(generated))
    np.testing.assert_allclose(samples, np.expm1(np.asarray(expected)), rtol=1e-3, atol=1e-4)


def test_the_decoder_alone_is_a_regression(zn: Detector, events: Events):
    model = without_noise(built(zn, events, "decoder_only"))
    batch = batch_of(model, events)
    found, _ = trained(model, batch, KEY)
    image = decoded_by(model.scheme, jnp.zeros((BATCH, 3)), batch.condition.features)
    assert number(found.value) == pytest.approx(squares(np.asarray(batch.x) - np.asarray(image)), rel=1e-4)
    assert set(found.metrics) == {"loss", "reconstruction"}


def test_a_term_is_added_to_the_loss(zn: Detector, events: Events):
    plain, direct = built(zn, events, "vae"), built(zn, events, "vae_direct")
    batch = batch_of(plain, events)
    (one, _), (other, _) = trained(plain, batch, KEY), trained(direct, batch, KEY)
    term = number(other.metrics["channel_wasserstein"])
    assert term > 1
    assert number(other.value) == pytest.approx(number(one.value) + 0.1 * term, rel=1e-5)
    assert number(other.metrics["reconstruction"]) == pytest.approx(number(one.metrics["reconstruction"]), rel=1e-5)


@each_scheme
def test_channel_sums_are_refused_in_one_line(name: str, zn: Detector):
    chosen = ModelConfig.model_validate({"target": "channels", "scheme": SMALL | SCHEMES[name]})
    with pytest.raises(ComponentError, match=r"^architecture 'vit' needs an image, not a target of shape \(5,\)$"):
        chosen.build(zn, chosen.unfitted(zn), {}, key=KEY)


@pytest.mark.parametrize(
    ("recipe", "override"),
    [
        ("zn_ae_ng_l2_vit", "model.scheme.noise=0"),
        ("zn_ae_ng_l2_vit", 'model.scheme.alignment="l3"'),
        ("zn_vae_vit", 'model.scheme.network="unet"'),
        ("zn_vae_vit", "model.scheme.kl_weight=-0.1"),
        ("zn_vae_direct_w", 'model.scheme.terms=["channel_wasserstien"]'),
        ("zn_vae_emb_vit", "model.scheme.embedding.classes=0"),
    ],
)
def test_a_wrong_value_is_one_clear_line(recipe: str, override: str):
    with pytest.raises(RecipeError) as caught:
        load_recipe(recipe, [override])
    [line] = caught.value.problems
    assert line.isprintable()
    assert override.split("=")[0].rsplit(".", 1)[1] in line
