"""`metrics.jsonl`: one line per event of a run, flushed as it happens."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from zoo.shelf.files import write_text


class Journal:
    """Appends events; on resume, forgets what lies beyond the checkpoint."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def write(self, event: str, stage: str, step: int, **numbers: Any) -> None:
        """Append one line; a number that is not finite is written as null."""
        clean = {name: _finite(value) for name, value in numbers.items()}
        with self.path.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps({"event": event, "stage": stage, "step": step, **clean}) + "\n")

    def extend(self, lines: Iterable[Mapping[str, Any]]) -> None:
        """Append lines of another journal."""
        text = "".join(json.dumps(line) + "\n" for line in lines)
        with self.path.open("a", encoding="utf-8") as stream:
            stream.write(text)

    def rewind(self, stage: str, step: int) -> None:
        """Drop a stage's lines after a step, and a last line that a kill cut short."""
        kept = [line for line in self.lines() if line["stage"] != stage or line["step"] <= step]
        if self.path.exists():
            write_text(self.path, "".join(json.dumps(line) + "\n" for line in kept))

    def lines(self) -> Iterator[Mapping[str, Any]]:
        """Every complete line."""
        if not self.path.exists():
            return
        for text in self.path.read_text(encoding="utf-8").splitlines():
            try:
                yield json.loads(text)
            except json.JSONDecodeError:
                return


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value
