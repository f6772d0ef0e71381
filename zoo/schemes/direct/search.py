"""Grid search by cross-validation, as the FM paper chose its classical estimators (appendix E; schemes 11)."""

from __future__ import annotations

from itertools import product

import numpy as np

from zoo.errors import DataError
from zoo.evaluation.metrics.wasserstein import channel_wasserstein
from zoo.schemes.direct.estimators.estimator import Choice, EstimatorConfig, Sample
from zoo.schemes.scheme import Watch


def best_choice(estimator: EstimatorConfig, sample: Sample, folds: int, watch: Watch) -> Choice:
    """The hyper-parameters whose channel sums are distributed most like the true ones, in model space.

    Every combination is fitted `folds` times to all but a part of the events, consecutive ones in equal parts, and
    asked about the part. The score is the Wasserstein distance there, averaged over channels and parts; of equally
    good combinations the first counts. Where there is only one, nothing is searched.

    Raises:
        DataError: there are too few events.
    """
    groups = estimator.groups()
    choices = [choice for group in groups for choice in group]
    if len(choices) == 1:
        return choices[0]
    events = np.arange(len(sample.x))
    if len(events) < folds:
        raise DataError(f"{len(events)} validation events cannot be divided into {folds} folds for the grid search")
    scores = np.zeros((folds, len(choices)))
    firsts = np.cumsum([0, *map(len, groups)])
    for (number, group), (fold, part) in watch(
        list(product(enumerate(groups), enumerate(np.array_split(events, folds))))
    ):
        there = sample.part(part)
        answers = estimator.answers(group, sample.part(np.setdiff1d(events, part)), there.x)
        found = [channel_wasserstein(there.y, answer).mean() for answer in answers]
        scores[fold, firsts[number] : firsts[number + 1]] = found
    return choices[int(np.argmin(scores.mean(axis=0)))]
