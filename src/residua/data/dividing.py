"""Dividing labelled pictures into splits, class by class, from a seed."""

import numpy as np
from jaxtyping import Int64

Indices = Int64[np.ndarray, "_"]


def held_out(labels: Indices, count: int, *, seed: int) -> tuple[Indices, Indices]:
    """Return the indices that stay and the `count` (or so) indices held out, each class by its share.

    A class of two pictures or more gives at least one and keeps at least one; a class of one keeps it.
    """
    share = count / max(1, len(labels))
    stay: list[Indices] = []
    out: list[Indices] = []
    quotas = _quotas(np.bincount(labels) if len(labels) else np.zeros(0, np.int64), share)
    for label, quota in enumerate(quotas):
        members = _shuffled(np.flatnonzero(labels == label), seed, label)
        out.append(members[:quota])
        stay.append(members[quota:])
    return _merged(stay), _merged(out)


def divided(labels: Indices, *, seed: int) -> dict[str, Indices]:
    """Return 80 % of each class as train, 10 % as val and 10 % as test.

    A class of two gives one picture to val, a class of three or more one to each at least.
    """
    parts: dict[str, list[Indices]] = {"train": [], "val": [], "test": []}
    for label in range(int(labels.max()) + 1 if len(labels) else 0):
        members = _shuffled(np.flatnonzero(labels == label), seed, label)
        val = 0 if len(members) < 2 else max(1, round(len(members) / 10))
        test = 0 if len(members) < 3 else max(1, round(len(members) / 10))
        parts["val"].append(members[:val])
        parts["test"].append(members[val : val + test])
        parts["train"].append(members[val + test :])
    return {name: _merged(part) for name, part in parts.items()}


def _quotas(counts: Indices, share: float) -> list[int]:
    """Share out by largest remainder, so that the quotas add up to the number that was asked for."""
    exact = counts * share
    quotas = np.floor(exact).astype(np.int64)
    rest = round(float(exact.sum())) - int(quotas.sum())
    quotas[np.argsort(quotas - exact, kind="stable")[:rest]] += 1
    return np.clip(quotas, np.minimum(counts - 1, 1).clip(0), (counts - 1).clip(0)).tolist()  # type: ignore[no-any-return]


def _shuffled(members: Indices, seed: int, label: int) -> Indices:
    # Sorting uniform numbers, not Generator.permutation, whose stream may change between versions of NumPy.
    numbers = np.random.Generator(np.random.Philox(key=[seed, label])).random(len(members))
    return members[np.argsort(numbers, kind="stable")]


def _merged(parts: list[Indices]) -> Indices:
    return np.sort(np.concatenate(parts)) if parts else np.zeros(0, np.int64)
