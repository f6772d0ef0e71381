"""Generative adversarial networks for calorimeter responses (thesis and journal paper; schemes 4)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float
from pydantic import Field, Strict

from zoo.architectures.backbone import BackboneConfig
from zoo.catalogue import OneOf, Published, register
from zoo.data.condition import Condition
from zoo.data.constants import Constants
from zoo.data.target import Target
from zoo.errors import ComponentError
from zoo.schemes.gan.networks import Discriminator, Generator
from zoo.schemes.gan.objective import ObjectiveConfig
from zoo.schemes.gan.regulariser import RegulariserConfig, Rivals
from zoo.schemes.scheme import Batch, Fitting, Outcome, Scheme, SchemeConfig, Setting
from zoo.schemes.terms.term import Judged, Made, TermConfig, Terms, build_terms, fit_terms, unfitted_terms
from zoo.typing import Key, Scalar

Size = Annotated[int, Field(ge=1, le=65_536)]


@register("scheme", "gan")
class GANConfig(SchemeConfig):
    """Generator against discriminator, both conditioned and updated at once; variants add terms and regularisers."""

    generator: Annotated[BackboneConfig, OneOf("architecture")]
    """The architecture whose decoder turns noise and condition into a response."""
    discriminator: Annotated[BackboneConfig, OneOf("architecture")]
    """The architecture whose encoder tells real responses from generated ones."""
    latent: Size = 10
    """Size of the noise."""
    token_size: Annotated[int, Field(ge=0, le=65_536)] = 128
    """Numbers per token that a dense layer keeps of the discriminator's encoder, or 0 for those of the encoder as they
    are; all of them together are its embedding."""
    hidden: Annotated[tuple[Size, ...], Strict(False)] = (128, 64)
    """Units of the layers between the discriminator's embedding and its logit."""
    objective: Annotated[ObjectiveConfig, OneOf("objective"), Field(default="non_saturating")]
    """What the two players minimise."""
    regularisers: Annotated[tuple[Annotated[RegulariserConfig, OneOf("regulariser")], ...], Strict(False)] = ()
    """What is added to the discriminator's loss."""
    terms: Annotated[tuple[Annotated[TermConfig, OneOf("term")], ...], Strict(False)] = ()
    """What is added to the generator's loss."""
    pairing: Annotated[Literal["matched", "as_published"], Published("as_published")] = "matched"
    """Events that terms compare generated responses with: those of the same particles, or (published code) those that
    stood in their rows before the conditions were permuted."""
    judged_maps: bool = False
    """Show condition maps, which the generator's architecture has to take, to the discriminator as well, as further
    channels of the response: it then sees where a shower should be beside where it is."""
    instance_noise: Annotated[float, Field(ge=0)] = 0.0
    """Standard deviation, in model space, of the noise that the discriminator sees all responses through. What is alike
    behind it is alike without it; but whole photons no longer give generated responses away."""
    sampling_dropout: bool = False
    """Keep the generator's dropout when it generates, as it is in training."""

    def unfitted(self, setting: Setting) -> Constants:
        """Those of the terms."""
        return unfitted_terms(self.terms, setting)

    def fit(self, fitting: Fitting) -> Constants:
        """Those of the terms."""
        return fit_terms(self.terms, fitting)

    def build(self, setting: Setting, *, key: Key) -> GAN:
        """Both networks for the stage's response.

        Raises:
            ComponentError: the target is not an image, there are condition maps that the generator does not take, none
                that could be judged, or a component does not fit.
        """
        if self.judged_maps and not setting.maps:
            raise ComponentError('judged_maps: there are no condition maps; give the model some: maps = "impact_maps"')
        names = [regulariser.component for regulariser in self.regularisers]
        for name in names:
            if names.count(name) > 1:
                raise ComponentError(f"regulariser {name!r} is listed twice")
        generator_key, discriminator_key = jax.random.split(key)
        shape, features = setting.shape, setting.features
        return GAN(
            generator=Generator(self.generator, shape, self.latent, features, setting.maps, key=generator_key),
            discriminator=Discriminator(
                self.discriminator,
                shape,
                features,
                setting.maps if self.judged_maps else 0,
                token_size=self.token_size,
                hidden=self.hidden,
                key=discriminator_key,
            ),
            terms=build_terms(self.terms, setting),
            target=setting.target,
            config=self,
        )


class GAN(Scheme):
    """See `GANConfig`."""

    generator: Generator
    discriminator: Discriminator
    terms: Terms
    target: Target
    config: GANConfig = eqx.field(static=True)

    def players(self) -> Mapping[str, tuple[str, ...]]:
        """Two players."""
        return {"generator": ("generator",), "discriminator": ("discriminator",)}

    def loss(self, player: str, batch: Batch, key: Key) -> Outcome:
        """Real pairs (x, c) against generated pairs (G(z, c'), c'), with c' the batch's conditions in another order."""
        permutation_key, made_key, judged_key, own_key = jax.random.split(key, 4)
        order = jax.random.permutation(permutation_key, len(batch.x))
        matched = jax.tree.map(lambda rows: rows[order] if jnp.ndim(rows) else rows, batch)
        noise, made, generator = self._make(matched.condition, made_key)
        if player == "discriminator":
            return self._discriminate(Rivals(batch, jax.lax.stop_gradient(made), matched), judged_key, own_key)
        logits, embedding, _ = self._judged(made, matched.condition, judged_key)

        def again() -> tuple[Float[Array, "B L"], Float[Array, "B E"]]:
            second_key, second_judged_key = jax.random.split(own_key)
            noise, made, _ = self._make(matched.condition, second_key)
            # Through the same noise: only what the generator made of z sets the two embeddings apart.
            return noise, self._judged(made, matched.condition, second_judged_key, through=judged_key)[1]

        events = matched if self.config.pairing == "matched" else batch
        judged = Judged(batch, noise, embedding, again)
        extra, terms = self.terms(Made(made, matched.condition, events, judged))
        loss = self.config.objective.generator(logits[:, 0]) + extra
        moved = eqx.tree_at(lambda scheme: scheme.generator, self, generator)
        return Outcome(loss, {"loss": loss, **terms}, moved)

    def sample(self, condition: Condition, key: Key) -> Float[Array, "B H W"]:
        """One pass of the generator, without dropout unless that is part of the model."""
        noise, dropout_key = self._noise(condition, key)
        image, _ = self.generator(noise, condition, key=dropout_key if self.config.sampling_dropout else None)
        return self.target.inverse(image)

    def _make(self, condition: Condition, key: Key) -> tuple[Float[Array, "B L"], Float[Array, "B H W"], Generator]:
        """(noise, images in model space, generator with its statistics moved on), in training."""
        noise, dropout_key = self._noise(condition, key)
        return noise, *self.generator(noise, condition, key=dropout_key)

    def _noise(self, condition: Condition, key: Key) -> tuple[Float[Array, "B L"], Key]:
        """(noise for every particle, a key for the rest)."""
        noise_key, rest = jax.random.split(key)
        return jax.random.normal(noise_key, (len(condition.features), self.config.latent)), rest

    def _judged(
        self, x: Float[Array, "B H W"], condition: Condition, key: Key, through: Key | None = None
    ) -> tuple[Float[Array, "B 1"], Float[Array, "B E"], Discriminator]:
        """What the discriminator says of images that it sees through the instance noise, that of `through` if given."""
        if self.config.instance_noise > 0:
            noise_key, key = jax.random.split(key)
            if through is not None:
                noise_key, _ = jax.random.split(through)
            x = x + self.config.instance_noise * jax.random.normal(noise_key, x.shape)
        return self.discriminator(x, condition.features, self._seen(condition), key=key)

    def _seen(self, condition: Condition) -> Float[Array, "B H W M"] | None:
        """The maps that the discriminator sees."""
        return condition.maps if self.config.judged_maps else None

    def _discriminate(self, rivals: Rivals, fake_key: Key, key: Key) -> Outcome:
        """The discriminator's loss and how often it is right."""
        real_key, *penalty_keys = jax.random.split(key, 1 + len(self.config.regularisers))
        real, _, moved = self._judged(rivals.real.x, rivals.real.condition, real_key)
        fake, _, moved = eqx.tree_at(lambda own: own.discriminator, self, moved)._judged(
            rivals.fake, rivals.matched.condition, fake_key
        )
        real, fake = real[:, 0], fake[:, 0]

        def judge(x: Float[Array, "B H W"], condition: Condition) -> Float[Array, " B"]:
            return self.discriminator(x, condition.features, self._seen(condition), key=None)[0][:, 0]

        penalties: dict[str, Scalar] = {
            regulariser.component: regulariser.penalty(judge, rivals, one)
            for regulariser, one in zip(self.config.regularisers, penalty_keys, strict=True)
        }
        loss = self.config.objective.discriminator(real, fake) + sum(penalties.values())
        boundary = self.config.objective.boundary(real, fake)
        accuracies = {"accuracy_real": jnp.mean(real > boundary), "accuracy_fake": jnp.mean(fake <= boundary)}
        scheme = eqx.tree_at(lambda scheme: scheme.discriminator, self, moved)
        return Outcome(loss, {"loss": loss, **accuracies, **penalties}, scheme)
