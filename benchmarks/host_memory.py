"""Peak host memory of training on a data set of the full ALICE layout: 306,780 responses of 44x44."""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[1]
ENTRY = "import sys; from zoo.cli import main; sys.exit(main(sys.argv[1:]))"


def write_events(folder: Path, events: int, dtype: str) -> None:
    """The shipped ZN sample, repeated to the wanted length, in the published file layout."""
    with np.load(ROOT / "zoo" / "data" / "shipped" / "zn.npz") as sample:
        counts, particles = sample["responses"], sample["particles"]
    rows = np.arange(events) % len(counts)
    np.savez(folder / "data_nonrandom_particles.npz", particles[rows])
    path = folder / "responses.npy"
    out = np.lib.format.open_memmap(path, "w+", dtype, (events, *counts.shape[1:]))
    for start in range(0, events, 4096):
        out[start : start + 4096] = counts[rows[start : start + 4096]]
    out.flush()
    import zipfile

    with zipfile.ZipFile(folder / "data_nonrandom_responses.npz", "w") as archive:
        archive.write(path, "arr_0.npy")
    path.unlink()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=306_780)
    parser.add_argument("--dtype", default="uint16", help="dtype of the responses in the file, e.g. float64")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_events(folder, options.events, options.dtype)
        command = [
            *(sys.executable, "-c", ENTRY, "run", str(ROOT / "recipes" / "zn_fm_patch.toml"), "--runs", str(folder)),
            *("--set", f"data.path={folder}", "--set", "train.epochs=0.01", "--set", "train.validate_events=64"),
            *("--set", "evaluate.events=64", "--set", "evaluate.repeats=1", "--set", "evaluate.timing=false"),
        ]
        done = subprocess.run(command, env=dict(os.environ, PYTHONPATH=str(ROOT)), capture_output=True, text=True)
        if done.returncode:
            raise SystemExit(done.stderr)
        peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 2**20
        print(f"{options.events} events as {options.dtype}: peak host memory {peak:.2f} GiB")


if __name__ == "__main__":
    main()
