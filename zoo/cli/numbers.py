"""The metrics of a run in few words, whatever scheme they come from.

Metrics are named `<player>/<metric>` where a stage has several players, and validations `validation <metric>`. Every
player has a line of its own; its losses come first, then accuracies, then the gradient's norm, then all else.
"""

from __future__ import annotations

from collections.abc import Mapping

VALIDATION = "validation "

ORDER = ("wasserstein", "loss", "accuracy_real", "accuracy_fake", "gradient_norm")


def in_groups(numbers: Mapping[str, float]) -> list[str]:
    """A line for the validation, then one for each player; `generator: loss 0.69  gradient norm 1.2`."""
    groups: dict[str, dict[str, float]] = {}
    for name, value in numbers.items():
        group, metric = _split(name)
        groups.setdefault(group, {})[metric] = value
    order = sorted(groups, key=lambda group: group != VALIDATION)
    return [f"{group.strip()}: {_words(groups[group])}" if group else _words(groups[group]) for group in order]


def in_brief(numbers: Mapping[str, float]) -> str:
    """The first number of the validation; nothing where there was none."""
    validation = {name.removeprefix(VALIDATION): numbers[name] for name in numbers if name.startswith(VALIDATION)}
    return _words(validation).split("  ")[0]


def _split(name: str) -> tuple[str, str]:
    if name.startswith(VALIDATION):
        return VALIDATION, name.removeprefix(VALIDATION)
    player, slash, metric = name.rpartition("/")
    return (player, metric) if slash else ("", name)


def _words(metrics: Mapping[str, float]) -> str:
    """`loss 1.38  accuracy real 0.93  fake 0.88`: a first word that is the same as before is not repeated."""
    words, before = [], ""
    for name in sorted(metrics, key=_rank):
        first, _, rest = name.partition("_")
        words.append(f"{rest if rest and first == before else name} {metrics[name]:.4g}".replace("_", " "))
        before = first
    return "  ".join(words)


def _rank(name: str) -> int:
    """Where a metric stands in its line."""
    if name.endswith("loss"):
        return ORDER.index("loss")
    return ORDER.index(name) if name in ORDER else len(ORDER)
