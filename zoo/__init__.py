"""calozoo: generative surrogates of calorimeter simulation, declared in TOML."""

__version__ = "0.1.0"
