"""Seconds from `zoo run` to the end of the first training steps: a fresh machine, then with the compilation cache."""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).parents[1]
ENTRY = "import sys; from zoo.cli import main; sys.exit(main(sys.argv[1:]))"


def first_step(recipe: str, runs: Path, cache: Path) -> float:
    """Start a run, wait for its first line of training metrics, stop it."""
    begun = time.perf_counter()
    # So few epochs that every dispatch writes a line.
    command = [sys.executable, "-c", ENTRY, "run", recipe, "--runs", str(runs), "--set", "train.epochs=1"]
    environment = dict(os.environ, CALOZOO_CACHE=str(cache), PYTHONPATH=str(ROOT))
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        while not any(path.stat().st_size for path in runs.glob("*/*/metrics.jsonl")):
            if process.poll() is not None:
                raise SystemExit(f"the run ended early with code {process.returncode}")
            time.sleep(0.02)
        return time.perf_counter() - begun
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--recipe", default=str(ROOT / "recipes" / "zn_fm_patch.toml"))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        cache = Path(folder) / "cache"
        for name in ("fresh", "cached", "cached again"):
            seconds = first_step(options.recipe, Path(folder) / name.replace(" ", "_"), cache)
            print(f"{Path(options.recipe).stem}: first training steps after {seconds:5.1f} s ({name})", flush=True)


if __name__ == "__main__":
    main()
