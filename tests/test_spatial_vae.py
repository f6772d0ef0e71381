"""The autoencoder with a map for a latent space, its discriminator, and flow matching inside the map."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from zoo.architectures.patch_critic import PatchCriticConfig
from zoo.data.events import Events
from zoo.detectors.detector import Detector
from zoo.detectors.zdc import checkerboard_readout
from zoo.detectors.zn import ZNConfig
from zoo.errors import ComponentError
from zoo.runner.state import owned_by
from zoo.schemes.model import Model, ModelConfig, network_paths, parameter_counts
from zoo.schemes.scheme import Batch, Outcome

KEY = jax.random.key(0)
SHAPE = (8, 6)
SMALL = replace(ZNConfig().build(), shape=SHAPE, readout=checkerboard_readout(*SHAPE))
"""A ZDC of few fibres: what is proven here does not depend on their number."""

NETWORK = {"name": "compact_cnn", "channels": 2, "multipliers": [1, 2], "residual_blocks": 1, "heads": 1}
CRITIC = {"critic": {"name": "patch_critic", "channels": [3, 4]}, "weight": 0.5}
VAE = {"name": "spatial_vae", "network": NETWORK, "latent": 3, "reconstruction_weight": 2.0}
FLOW = {"name": "mlp", "width": 8, "blocks": 1, "time_features": 4}
UNET = {"name": "unet", "channels": 2, "multipliers": [1, 1], "residual_blocks": 1, "heads": 1}
PUBLISHED_UNET = {"name": "unet", "channels": 8, "multipliers": [1, 2, 4], "residual_blocks": 1, "heads": 2}


def build(scheme: dict[str, Any], detector: Detector = SMALL, earlier: dict[str, Model] | None = None) -> Model:
    config = ModelConfig.model_validate({"scheme": scheme})
    earlier = earlier or {}
    return config.build(detector, config.unfitted(detector, earlier), earlier, key=KEY)


def latent_flow(autoencoder: Model, network: dict[str, Any] = UNET, **table: Any) -> Model:
    scheme = {"name": "latent_flow_matching", "autoencoder": "vae", "network": network}
    return build(scheme | table, earlier={"vae": autoencoder})


@pytest.fixture(scope="module")
def events(make_events) -> Events:
    return make_events(SMALL, 9)


@pytest.fixture(scope="module")
def vae() -> Model:
    return build(VAE | {"adversary": CRITIC})


@pytest.fixture(scope="module")
def batch(vae: Model, events: Events) -> Batch:
    make = eqx.filter_jit(lambda model, counts, particles: model.batch(counts, particles, KEY))
    return make(vae, jnp.asarray(events.counts), jnp.asarray(events.particles, jnp.float32))


def losses_of(model: Model, batch: Batch, key: Any) -> dict[str, tuple[Outcome, Any]]:
    """What every player's loss returns, and its gradient with respect to the whole model."""

    def of(player: str) -> Any:
        def loss(model: Model) -> tuple[Any, Outcome]:
            outcome = model.scheme.loss(player, batch, key)
            return outcome.value, outcome

        (_, outcome), gradient = eqx.filter_value_and_grad(loss, has_aux=True)(model)
        return outcome, gradient

    return {player: of(player) for player in model.scheme.players()}


losses = eqx.filter_jit(losses_of)
encoded = eqx.filter_jit(lambda model, x: model.scheme.encode(x))
decoded = eqx.filter_jit(lambda model, latent: model.scheme.decode(latent))
judged = eqx.filter_jit(lambda critic, x, features: critic(x, features, key=None)[0])


@pytest.fixture(scope="module")
def lost(vae: Model, batch: Batch) -> dict[str, tuple[Outcome, Any]]:
    return losses(vae, batch, KEY)


def some(tree: Any) -> bool:
    return any(np.asarray(leaf).any() for leaf in jax.tree.leaves(tree))


@pytest.mark.parametrize("name", ["zn", "zp"])
def test_parameters_of_the_published_models(name: str, request: pytest.FixtureRequest):
    """59,348 of the autoencoder and 127,824 of the flow in its maps, for both detectors (components 8.1 and 8.3)."""
    detector = request.getfixturevalue(name)

    def both() -> tuple[Model, Model]:
        vae = build({"name": "spatial_vae", "network": "compact_cnn"}, detector)
        flow = {"name": "latent_flow_matching", "autoencoder": "vae", "network": PUBLISHED_UNET}
        return vae, build(flow, detector, {"vae": vae})

    vae, flow = eqx.filter_eval_shape(both)
    assert vae.scheme.bare().latent_shape == vae.scheme.latent_shape
    assert sum(parameter_counts(vae.scheme).values()) == 59_348
    assert parameter_counts(flow.scheme) == {"flow.network": 127_824}
    particles = jax.ShapeDtypeStruct((2, 10), "f4")
    assert eqx.filter_eval_shape(lambda model, p: model.sample(p, KEY), flow, particles).shape == (2, *detector.shape)


def test_the_losses_are_means_and_are_added_by_value(batch: Batch):
    model = build(VAE | {"balance": "values", "kl_weight": 0.25, "adversary": CRITIC})
    outcome, _ = losses(model, batch, KEY)["autoencoder"]
    posterior = eqx.filter_jit(
        lambda scheme, x: [conv(scheme._encoded(x, None)[0]) for conv in (scheme.mean, scheme.log_variance)]
    )
    mean, log_variance = (np.asarray(part, np.float64) for part in posterior(model.scheme, batch.x))
    kl = np.mean(-0.5 * (1 + log_variance - mean**2 - np.exp(log_variance)))
    noise = np.asarray(jax.random.normal(jax.random.split(KEY, 4)[1], mean.shape))
    image = decoded(model, jnp.asarray(mean + np.exp(0.5 * log_variance) * noise, jnp.float32))
    squared = np.mean((np.asarray(batch.x, np.float64) - np.asarray(image)) ** 2)
    scheme: Any = model.scheme
    adversarial = -np.mean(np.asarray(judged(scheme.adversary.critic, image, batch.condition.features)))
    found = {name: float(value) for name, value in outcome.metrics.items()}
    assert found["kl"] == pytest.approx(kl, rel=1e-3)
    assert found["reconstruction"] == pytest.approx(squared, rel=1e-3)
    assert found["adversarial"] == pytest.approx(adversarial, rel=1e-3)
    assert found["loss"] == pytest.approx(2.0 * squared + 0.25 * kl + 0.5 * adversarial, rel=1e-3)


def test_by_gradient_the_scale_of_a_loss_does_not_matter(batch: Batch):
    """Decoder gradients with the responses ten times as bright in the loss: pulled by direction only."""
    alone = build(VAE | {"kl_weight": 0.0})
    term = build(VAE | {"kl_weight": 0.0, "reconstruction_weight": 1e-6, "terms": [{"name": "l2", "weight": 2.0}]})
    gradients = [losses(model, batch, KEY)["autoencoder"][1].scheme.decoder for model in (alone, term)]
    # The term is the same loss summed instead of averaged.
    for one, other in zip(*(jax.tree.leaves(gradient) for gradient in gradients), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-2, atol=1e-4 * float(np.abs(np.asarray(one)).max() + 1e-12))


def test_each_player_moves_its_own_networks(vae: Model, lost: dict[str, tuple[Outcome, Any]]):
    assert vae.scheme.players() == {
        "autoencoder": ("encoder", "mean", "log_variance", "decoder"),
        "discriminator": ("adversary.critic",),
    }
    autoencoder, discriminator = lost["autoencoder"][1].scheme, lost["discriminator"][1].scheme
    for name in ("encoder", "mean", "log_variance", "decoder"):
        assert some(getattr(autoencoder, name)), name
        assert not some(getattr(discriminator, name)), name
    assert some(discriminator.adversary.critic)
    metrics = lost["discriminator"][0].metrics
    assert metrics.keys() == {"loss", "accuracy_real", "accuracy_fake"}
    assert all(np.isfinite(float(value)) for value in metrics.values())


def test_without_an_adversary_there_is_one_player(batch: Batch):
    model = build(VAE)
    assert list(model.scheme.players()) == ["autoencoder"]
    outcome, _ = eqx.filter_eval_shape(losses_of, model, batch, KEY)["autoencoder"]
    assert outcome.metrics.keys() == {"loss", "kl", "reconstruction"}


def test_it_reconstructs_through_the_mean_and_generates_nothing(vae: Model, batch: Batch, events: Events):
    scheme: Any = vae.scheme
    latent = encoded(vae, batch.x)
    image = decoded(vae, latent)
    assert latent.shape == (len(events), *scheme.latent_shape) == (len(events), 4, 3, 3)
    there_and_back = eqx.filter_jit(lambda scheme, batch: (scheme.reconstruct(batch), scheme.errors(batch)))
    responses, errors = there_and_back(scheme, batch)
    np.testing.assert_allclose(responses, np.expm1(np.asarray(image)), rtol=1e-4, atol=1e-5)
    expected = np.mean(np.square(np.asarray(batch.x) - np.asarray(image)), axis=(1, 2))
    np.testing.assert_allclose(errors["loss"], expected, rtol=1e-4)
    with pytest.raises(ComponentError, match="generates none"):
        vae.sample(jnp.asarray(events.particles, jnp.float32), KEY)


def test_the_critic_sees_brightness_in_every_patch():
    critic = PatchCriticConfig(channels=(3, 4)).build(shape=SHAPE, features=0, key=KEY)
    x, nothing = jax.random.uniform(KEY, (2, *SHAPE)), jnp.zeros((2, 0))
    dim, bright = judged(critic, x, nothing), judged(critic, 2.0 * x, nothing)
    assert dim.shape == (2, 4)
    assert (np.abs(np.asarray(dim - bright)) > 1e-4).all()


# Flow matching in the latent space.


@pytest.fixture(scope="module")
def flow(vae: Model) -> Model:
    return latent_flow(vae)


def test_the_autoencoder_is_frozen(flow: Model, batch: Batch):
    assert network_paths(flow.scheme) == ("flow.network",)
    owned = eqx.filter(flow, owned_by(flow, network_paths(flow.scheme)))
    scheme: Any = owned.scheme
    whole: Any = flow.scheme
    assert whole.autoencoder.scheme.adversary is None
    assert whole.autoencoder.scheme.players().keys() == {"autoencoder"}
    assert not jax.tree.leaves(scheme.autoencoder)
    assert jax.tree.leaves(scheme.flow.network)
    _, gradient = losses(flow, batch, KEY)["velocity"]
    assert not some(gradient.scheme.autoencoder)
    assert some(gradient.scheme.flow)


def test_the_loss_is_that_of_the_flow_towards_the_encoded_batch(flow: Model, vae: Model, batch: Batch):
    scheme: Any = flow.scheme
    outcome, _ = losses(flow, batch, KEY)["velocity"]
    towards = eqx.filter_jit(lambda flow, batch: flow.loss("velocity", batch, jax.random.split(KEY)[1]).value)
    inner = towards(scheme.flow, replace(batch, x=encoded(vae, batch.x)))
    np.testing.assert_allclose(outcome.value, inner, rtol=1e-4)


def test_a_sample_is_a_decoded_draw_in_one_program(flow: Model, vae: Model, events: Events):
    particles = jnp.asarray(events.particles, jnp.float32)
    sampled = eqx.filter_jit(lambda model, particles: model.sample(particles, KEY))
    found = sampled(flow, particles)
    assert found.shape == (len(events), *SHAPE)
    assert float(found.min()) >= 0
    scheme: Any = flow.scheme
    latent = eqx.filter_jit(lambda model, particles: model.scheme.flow.draw(model.condition(particles), KEY))(
        flow, particles
    )
    assert latent.shape == (len(events), 4, 3, 3)
    np.testing.assert_allclose(found, np.expm1(np.asarray(decoded(vae, latent))), rtol=1e-3, atol=1e-3)
    assert scheme.flow.config.sampler.steps == 7


def test_networks_without_pixels_work_on_maps_as_well(vae: Model, events: Events):
    scheme = latent_flow(vae, {"name": "patch_transformer", "width": 8, "heads": 1, "blocks": 1, "patch": 2}).scheme
    assert eqx.filter_eval_shape(
        lambda scheme, x, t, c: scheme.flow.network(x, t, c),
        scheme,
        jax.ShapeDtypeStruct((2, 4, 3, 3), "f4"),
        jax.ShapeDtypeStruct((2,), "f4"),
        jax.ShapeDtypeStruct((2, 9), "f4"),
    ).shape == (2, 4, 3, 3)


def test_a_stage_without_latent_maps_is_refused_in_one_line(vae: Model):
    plain = build({"name": "flow_matching", "network": UNET})
    with pytest.raises(ComponentError, match="stage 'vae' has no latent maps") as raised:
        latent_flow(plain)
    assert "\n" not in str(raised.value)
    config = {"target": "channels", "scheme": {"name": "latent_flow_matching", "autoencoder": "vae", "network": FLOW}}
    channels = ModelConfig.model_validate(config)
    with pytest.raises(ComponentError, match=r"model.target must be 'response'"):
        channels.build(SMALL, channels.unfitted(SMALL, {"vae": vae}), {"vae": vae}, key=KEY)
