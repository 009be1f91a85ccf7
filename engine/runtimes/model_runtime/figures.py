"""Metrics with their intervals, and the paired difference of two models on the same rows. numpy alone; seeded.

`truth`: n numbers (a class's place, or the value). `given`: n scores (P(second class), a class's place, or a value).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

Array = Any  # numpy.ndarray; the environment's numpy may be older than its types

CONFIDENT = 1.959964  # the normal's 97.5 % point: intervals are 95 %
RESAMPLES = 2000
WORK = 40_000_000  # rows drawn over all resamples at most, so that a large table does not take minutes
SEED = 20_240_607


def metric_of(task: str, classes: int, *, scored: bool) -> str:
    """ "auc" for two classes with probabilities, "accuracy" for other classifiers, "r2" for numbers."""
    if task == "regression":
        return "r2"
    return "auc" if classes == 2 and scored else "accuracy"


def value(metric: str, truth: Array, given: Array) -> float:
    return float(_weighted(metric, truth, given)(np.ones((1, len(truth))))[0])


def interval(metric: str, truth: Array, given: Array) -> tuple[float, float]:
    """95 %: DeLong's for the AUC, Wilson's for accuracy, a bootstrap for R²."""
    if metric == "auc":
        return _delong(truth, given)
    if metric == "accuracy":
        return _wilson(float((truth == given).sum()), len(truth))
    drawn = _weighted(metric, truth, given)(_draws(truth, stratified=False))
    low, high = np.nanpercentile(drawn, [2.5, 97.5])
    return float(low), float(high)


def difference(metric: str, truth: Array, new: Array, live: Array) -> tuple[float, tuple[float, float]]:
    """(new − live, its 95 % interval): both models on the same resampled rows, classes kept in their shares."""
    first, second = _weighted(metric, truth, new), _weighted(metric, truth, live)
    once = np.ones((1, len(truth)))
    observed = float(first(once)[0] - second(once)[0])
    drawn = []
    for weights in _blocks(truth, stratified=metric != "r2"):
        drawn.append(first(weights) - second(weights))
    low, high = np.nanpercentile(np.concatenate(drawn), [2.5, 97.5])
    return observed, (float(low), float(high))


def verdict(low: float, high: float, margin: float = 0.0) -> str:
    """ "better" or "worse" only when the whole interval is beyond the margin."""
    if low > margin:
        return "better"
    return "worse" if high < -margin else "same"


def extras(metric: str, truth: Array, given: Array, predicted: Array) -> dict[str, float]:
    """What else people ask for. `predicted`: class places or values."""
    if metric == "r2":
        errors = given - truth
        return {"mae": float(np.abs(errors).mean()), "rmse": float(np.sqrt((errors**2).mean()))}
    figures = {"accuracy": float((predicted == truth).mean())}
    if metric == "auc":
        clipped = np.clip(given, 1e-15, 1 - 1e-15)
        figures["log_loss"] = float(-np.where(truth == 1, np.log(clipped), np.log(1 - clipped)).mean())
        figures["brier"] = float(((given - truth) ** 2).mean())
        true_positives = float(((predicted == 1) & (truth == 1)).sum())
        figures["precision"] = true_positives / max(1.0, float((predicted == 1).sum()))
        figures["recall"] = true_positives / max(1.0, float((truth == 1).sum()))
    return figures


def _weighted(metric: str, truth: Array, given: Array) -> Any:
    """A function from weights (resamples × rows) to the metric of each resample."""
    if metric == "auc":
        return _weighted_auc(truth, given)
    if metric == "accuracy":
        right = (truth == given).astype(float)
        return lambda weights: weights @ right / weights.sum(axis=1)
    squared = (truth - given) ** 2

    def r2(weights: Array) -> Array:
        total = weights.sum(axis=1)
        mean = weights @ truth / total
        spread = weights @ truth**2 - total * mean**2
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(spread > 0, 1 - weights @ squared / spread, np.nan)

    return r2


def _weighted_auc(truth: Array, given: Array) -> Any:
    """P(a positive's score > a negative's), ties half: rows sorted once, resamples only change their weights."""
    order = np.argsort(given, kind="stable")
    positive = (truth[order] == 1).astype(float)
    starts = np.flatnonzero(np.r_[True, np.diff(given[order]) != 0])

    def auc(weights: Array) -> Array:
        sorted_weights = weights[:, order]
        up = np.add.reduceat(sorted_weights * positive, starts, axis=1)
        down = np.add.reduceat(sorted_weights * (1 - positive), starts, axis=1)
        below = np.cumsum(down, axis=1) - down / 2
        pairs = up.sum(axis=1) * down.sum(axis=1)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(pairs > 0, (up * below).sum(axis=1) / pairs, np.nan)

    return auc


def _draws(truth: Array, *, stratified: bool) -> Array:
    return np.concatenate(list(_blocks(truth, stratified=stratified)))


def _blocks(truth: Array, *, stratified: bool) -> Any:
    """How often each row was drawn, in blocks of resamples."""
    random = np.random.default_rng(SEED)
    rows = len(truth)
    resamples = max(200, min(RESAMPLES, WORK // rows))
    groups = [np.flatnonzero(truth == kind) for kind in np.unique(truth)] if stratified else [np.arange(rows)]
    block = max(1, min(resamples, 2_000_000 // rows))
    for begin in range(0, resamples, block):
        count = min(block, resamples - begin)
        weights = np.zeros((count, rows))
        for group in groups:
            weights[:, group] = random.multinomial(len(group), np.full(len(group), 1 / len(group)), size=count)
        yield weights


def _midranks(values: Array) -> Array:
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    starts = np.flatnonzero(np.r_[True, np.diff(ordered) != 0])
    ends = np.r_[starts[1:], len(values)]
    ranks = np.empty(len(values))
    ranks[order] = np.repeat((starts + ends + 1) / 2, ends - starts)
    return ranks


def _delong(truth: Array, given: Array) -> tuple[float, float]:
    """On the logit scale, so that the interval stays within 0 and 1."""
    positives, negatives = given[truth == 1], given[truth != 1]
    m, n = len(positives), len(negatives)
    if m < 2 or n < 2:
        return 0.0, 1.0
    together = _midranks(np.r_[positives, negatives])
    above = (together[:m] - _midranks(positives)) / n
    below = 1 - (together[m:] - _midranks(negatives)) / m
    auc = float(above.mean())
    variance = float(above.var(ddof=1) / m + below.var(ddof=1) / n)
    if auc in (0.0, 1.0) or variance == 0:
        low, high = _wilson(auc * min(m, n), min(m, n))
        return (low, 1.0) if auc == 1.0 else (0.0, high) if auc == 0.0 else (auc, auc)
    centre = math.log(auc / (1 - auc))
    width = CONFIDENT * math.sqrt(variance) / (auc * (1 - auc))
    return 1 / (1 + math.exp(width - centre)), 1 / (1 + math.exp(-width - centre))


def _wilson(successes: float, count: int) -> tuple[float, float]:
    square = CONFIDENT**2
    share = successes / count
    middle = (share + square / (2 * count)) / (1 + square / count)
    width = CONFIDENT * math.sqrt(share * (1 - share) / count + square / (4 * count**2)) / (1 + square / count)
    return max(0.0, middle - width), min(1.0, middle + width)
