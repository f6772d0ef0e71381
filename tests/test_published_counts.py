"""The parameters of the published models, counted by `zoo check --build --json`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from zoo.cli.main import main

RECIPES = Path(__file__).parents[1] / "recipes"

TOTALS = {
    # Components 4.
    "zn_vae_vit": 1_020_217,
    "zn_vae_cnn": 826_233,
    "zn_vae_mixer": 959_590,
    "zn_vae_emb_vit": 1_097_689,
    "zn_supervised_ae_vit": 997_642,
    "zn_supervised_ae_cnn": 834_378,
    "zn_supervised_ae_mixer": 935_730,
    "zn_ae_ng_l2_vit": 1_512_105,
    "zn_ae_ng_l2_cnn": 1_381_225,
    "zn_ae_ng_l2_mixer": 1_450_193,
    "zn_ae_ng_sinkhorn_vit": 1_512_105,
    "zn_ae_ng_sinkhorn_cnn": 1_381_225,
    "zn_ae_ng_sinkhorn_mixer": 1_450_193,
    "zn_vae_direct_w": 1_020_217,
    # Components 5.
    "zn_gan": 2_338_178,
    "zn_gan_pp": 2_338_178,
    "zn_gan_dropout": 2_338_178,
    "zn_gan_gp_fixed": 2_338_178,
    "zn_gan_gp_annealed": 2_338_178,
    "zn_wgan": 2_338_178,
    "zn_gan_l1": 2_338_178,
    "zn_gan_l1_pp": 2_338_178,
    "zn_gan_l2": 2_338_178,
    "zn_gan_l2_pp": 2_338_178,
    "zn_sdi_gan": 2_338_178,
    "zn_sdi_gan_pp": 2_338_178,
    "zn_aux_regressor": 1_422_402,
    "zn_gan_aux": 2_338_178 + 1_422_402,
    "zn_gan_aux_pp": 2_338_178 + 1_422_402,
}
"""Recipe to the parameters of all its networks."""

NETWORKS = {
    "zn_vae_vit": {"encoder": 458_208},
    "zn_ae_ng_l2_vit": {"encoder": 457_248, "generator": 474_132},
    "zn_ae_ng_l2_mixer": {"encoder": 426_292},
    "zn_vae_mixer": {"encoder": 428_537},
    "zn_vae_cnn": {"encoder": 323_488},
    "zn_gan": {"generator": 915_841, "discriminator": 1_422_337},
    "zn_sdi_gan": {"generator": 915_841, "discriminator": 1_422_337},
}
"""Recipe to the parameters of some of its networks."""


def report(recipe: str, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    assert main(["check", "--build", "--json", str(RECIPES / f"{recipe}.toml")]) == 0
    [found] = json.loads(capsys.readouterr().out)
    return found


@pytest.mark.parametrize("recipe", TOTALS)
def test_a_recipe_has_the_published_number_of_parameters(recipe: str, capsys: pytest.CaptureFixture[str]):
    assert report(recipe, capsys)["total"] == TOTALS[recipe]


@pytest.mark.parametrize("recipe", NETWORKS)
def test_its_networks_have_the_published_sizes(recipe: str, capsys: pytest.CaptureFixture[str]):
    [networks] = report(recipe, capsys)["parameters"].values()
    assert networks.items() >= NETWORKS[recipe].items()
