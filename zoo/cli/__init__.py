"""The `zoo` command."""

from __future__ import annotations

from zoo.cli.main import main as main
