"""Verbs, help and exit codes; each verb lives in its own file and imports what it needs when it runs."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence

from zoo import __version__
from zoo.errors import ZooError

VERBS = (
    *("run", "check", "list", "show", "cite", "compare", "report", "sample", "verify", "evaluate"),
    *("publish", "compact", "data", "components", "describe"),
)

DESCRIPTION = """\
A zoo of generative models that replace slow Monte Carlo simulation of calorimeters.

An experiment is a TOML recipe and nothing else. Typical use:
  zoo run recipes/zp_fm.toml --time-limit 10m     train, checkpoint and evaluate; again to continue
  zoo list                                        the pretrained models
  zoo sample zp_fm --particles particles.npz --out responses.npz
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit code.

    0: done; 2: something the user can mend, said in one line; 128 + n: stopped by signal n, state saved.
    """
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        return options.verb(options) or 0
    except ZooError as error:
        if options.debug:
            raise
        print(f"zoo: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        print("zoo: aborted", file=sys.stderr)
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="zoo", description=DESCRIPTION, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--version", action="version", version=f"calozoo {__version__}")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    verbs = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    for name in VERBS:
        importlib.import_module(f"zoo.cli.{name}").add(verbs)
    return parser
