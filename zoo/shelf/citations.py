"""What a user of a model owes to whom, as BibTeX."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from zoo.catalogue import Config
from zoo.recipe.schema import Recipe

REFERENCES = Path(__file__).with_name("references.bib")

ALWAYS = ("calozoo",)

OWED: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("source", "sample"): ("brun1994geant", "fesefeldt1985gheisha"),
    ("detector", "zn"): ("wojnar2025fast",),
    ("detector", "zp"): ("wojnar2025fast",),
    ("detector", "focal_h"): ("dubiel-improving",),
    ("scheme", "flow_matching"): ("lipman2023flow", "wojnar2025even"),
    ("scheme", "latent_flow_matching"): ("lipman2023flow", "rombach2022high", "wojnar2025even"),
    ("scheme", "factorised"): ("krause2023caloflow", "favaro2025calodream"),
    ("scheme", "diffusion"): ("ho2020denoising",),
    ("scheme", "vae"): ("kingma2014auto",),
    ("scheme", "spatial_vae"): ("kingma2014auto",),
    ("scheme", "supervised_autoencoder"): ("le2018supervised",),
    ("scheme", "noise_autoencoder"): ("deja2021end",),
    ("scheme", "gan"): ("goodfellow2014generative",),
    ("scheme", "vq_vae"): ("oord2017neural",),
    ("scheme", "token_prior"): ("esser2021taming",),
    ("scheme", "normalizing_flow"): ("krause2023caloflow", "durkan2019neural"),
    ("scheme", "flow_student"): ("krause2023caloflow",),
    ("scheme", "classical"): ("pedregosa2011scikit", "wojnar2025even"),
    ("scheme", "regression"): ("wojnar2025even",),
    ("sampler", "ddim"): ("song2021denoising",),
    ("term", "diversity"): ("dubinski2023selectively",),
    ("architecture", "autoregressive_flow"): ("papamakarios2017masked",),
    ("architecture", "unet"): ("ronneberger2015unet",),
    ("architecture", "vit"): ("dosovitskiy2021image",),
    ("architecture", "mlp_mixer"): ("tolstikhin2021mixer",),
    ("architecture", "patch_transformer"): ("dosovitskiy2021image", "peebles2023scalable"),
}
"""(kind, name) of a component to the keys of its references; a component without an entry owes nothing."""


def references() -> dict[str, str]:
    """Key to BibTeX entry of everything in `references.bib`."""
    entries = re.split(r"\n(?=@)", REFERENCES.read_text(encoding="utf-8"))
    return {entry[entry.index("{") + 1 : entry.index(",")]: entry.strip() for entry in entries}


def citations(recipe: Recipe) -> dict[str, str]:
    """Key to BibTeX entry of what a recipe is made of: the zoo, its data, its components."""
    keys = [*ALWAYS, *(key for component in _components(recipe) for key in OWED.get(component, ()))]
    known = references()
    return {key: known[key] for key in dict.fromkeys(keys)}


def _components(value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, Config):
        if getattr(value, "component", None) is not None:
            yield value.kind, value.component
        for field in type(value).model_fields:
            yield from _components(getattr(value, field))
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _components(item)
    elif isinstance(value, tuple | list):
        for item in value:
            yield from _components(item)
