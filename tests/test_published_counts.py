"""The parameters of the published models, counted by `zoo check --build --json`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from zoo.cli.main import main

RECIPES = Path(__file__).parents[1] / "recipes"

TOTALS = {
    # Schemes 11.
    "zn_channels_mlp": 18_245,
    "zp_channels_mlp": 18_245,
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
    # Components 2, 6 and 7.
    "zn_vq_vae": 1_103_233,
    "zn_vq_cond": 109_577,
    "zn_vq_vae_gen": 1_103_233 + 109_577 + 4_155_648,
    "zn_vq_gan": 1_029_505 + 832_385 + 109_577 + 4_155_648,
    # Components 9.
    "zn_diffusion": 4_255_585,
    "zp_diffusion": 4_255_585,
    "zn_fm_big": 4_255_585,
    # Components 11.
    "focal_ds1_diffusion": 4_255_393,
    "focal_ds2_diffusion": 4_255_393,
    "focal_ds2_diffusion_pos": 4_255_393,
    "focal_ds2_diff_enc": 14_036 + 181_265,
    "focal_ds1_diff_enc": 10_580 + 181_265,
}
"""Recipe to the parameters of all its networks."""

MEMBERS = {
    "zn_vq_vae_size_sweep": [245_217, 1_103_233, 3_836_161, 12_753_153, 51_477_505],
    "zn_vq_prior_size_sweep": [247_792, 1_094_912, 4_155_648, 10_956_928, 49_751_936],
}
"""Sweep to the parameters of every member's last stage."""

SIGNAL = 111_489
"""Parameters of the stage that draws the total signal for FoCal-H's flows."""

STAGES = {
    "zn_vqgan_improved": {
        "vqgan": 28_332 + 128 + 31_464,
        "vq_cond": 116_873,
        "prior": 934_912,
    },
    # Proposals that come near the published totals.
    "focal_ds1_nf_small": {"signal": SIGNAL, "flow": 51_794_256},
    "focal_ds1_nf_large": {"signal": SIGNAL, "flow": 270_138_976},
    "focal_ds2_nf": {"signal": SIGNAL, "flow": 176_334_672},
}
"""Recipe to the parameters of every stage, without those of a discriminator."""

NETWORKS = {
    "zn_vae_vit": {"encoder": 458_208},
    "zn_ae_ng_l2_vit": {"encoder": 457_248, "generator": 474_132},
    "zn_ae_ng_l2_mixer": {"encoder": 426_292},
    "zn_vae_mixer": {"encoder": 428_537},
    "zn_vae_cnn": {"encoder": 323_488},
    "zn_gan": {"generator": 915_841, "discriminator": 1_422_337},
    "zn_sdi_gan": {"generator": 915_841, "discriminator": 1_422_337},
    # Components 11; the discriminators are proposed.
    "focal_ds2_gan": {"generator": 998_241, "discriminator": 2_295_393},
    "focal_ds1_gan_pos_big": {"generator": 1_382_401},
    "focal_ds2_gan_enc": {"enhancer.generator": 162_876},
    "focal_ds1_gan_enc_small": {"enhancer.generator": 87_087},
}
"""Recipe to the parameters of some networks of its last stage."""


def report(recipe: str, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    assert main(["check", "--build", "--json", str(RECIPES / f"{recipe}.toml")]) == 0
    [found] = json.loads(capsys.readouterr().out)
    return found


@pytest.mark.parametrize("recipe", TOTALS)
def test_a_recipe_has_the_published_number_of_parameters(recipe: str, capsys: pytest.CaptureFixture[str]):
    assert report(recipe, capsys)["total"] == TOTALS[recipe]


@pytest.mark.parametrize("recipe", NETWORKS)
def test_its_networks_have_the_published_sizes(recipe: str, capsys: pytest.CaptureFixture[str]):
    *_, networks = report(recipe, capsys)["parameters"].values()
    assert networks.items() >= NETWORKS[recipe].items()


@pytest.mark.parametrize("recipe", MEMBERS)
def test_the_members_of_a_sweep_have_the_published_sizes(recipe: str, capsys: pytest.CaptureFixture[str]):
    members = report(recipe, capsys)["members"]
    assert [sum(list(member["parameters"].values())[-1].values()) for member in members] == MEMBERS[recipe]


@pytest.mark.parametrize("recipe", STAGES)
def test_its_stages_have_the_published_sizes(recipe: str, capsys: pytest.CaptureFixture[str]):
    parameters = report(recipe, capsys)["parameters"]
    found = {
        stage: sum(count for name, count in networks.items() if "critic" not in name)
        for stage, networks in parameters.items()
    }
    assert found == STAGES[recipe]
