"""Particles in words, for the titles of pictures."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float

from zoo.detectors.detector import Detector

NAMES = {
    22: r"$\gamma$",
    11: r"$e^-$",
    -11: r"$e^+$",
    13: r"$\mu^-$",
    -13: r"$\mu^+$",
    111: r"$\pi^0$",
    211: r"$\pi^+$",
    -211: r"$\pi^-$",
    130: r"$K^0_L$",
    310: r"$K^0_S$",
    321: r"$K^+$",
    -321: r"$K^-$",
    2112: r"$n$",
    -2112: r"$\overline{n}$",
    2212: r"$p$",
    -2212: r"$\overline{p}$",
    3122: r"$\Lambda$",
    -3122: r"$\overline{\Lambda}$",
    3222: r"$\Sigma^+$",
    -3222: r"$\overline{\Sigma}^-$",
    3112: r"$\Sigma^-$",
    -3112: r"$\overline{\Sigma}^+$",
}
"""Signs of the particles that reach a forward calorimeter, by PDG id."""

WORDS = {
    22: "photon",
    11: "e-",
    -11: "e+",
    13: "mu-",
    -13: "mu+",
    111: "pi0",
    211: "pi+",
    -211: "pi-",
    130: "K0L",
    310: "K0S",
    321: "K+",
    -321: "K-",
    2112: "neutron",
    -2112: "antineutron",
    2212: "proton",
    -2212: "antiproton",
    3122: "Lambda",
    -3122: "antiLambda",
    3222: "Sigma+",
    -3222: "antiSigma-",
    3112: "Sigma-",
    -3112: "antiSigma+",
}
"""The same for terminals."""


def caption(particle: Float[np.ndarray, " P"], detector: Detector) -> str:
    """A particle as `n  1.24 TeV`, from its condition columns and the PDG id where it follows them; may be empty."""
    words = []
    if len(particle) > len(detector.columns):
        pdg = int(particle[len(detector.columns)])
        words.append(NAMES.get(pdg, f"PDG {pdg}"))
    if "energy" in detector.column_names:
        words.append(energy(float(particle[detector.column_names.index("energy")])))
    return "  ".join(words)


def energy(gev: float) -> str:
    """An energy in GeV with three digits, from 1000 GeV on in TeV."""
    return f"{gev / 1000:.3g} TeV" if gev >= 999.5 else f"{gev:.3g} GeV"
