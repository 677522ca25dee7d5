"""The embedded digits: exact pixels, and always the same division."""

import subprocess
import sys

import numpy as np
from sklearn.datasets import load_digits

from residua.data import open_source


def test_pixels_and_labels_are_those_of_scikit_learn() -> None:
    theirs = load_digits()
    source = open_source("digits")
    seen = set()
    for split in source.splits.values():
        for index, name in enumerate(split.names):
            number = int(name.removeprefix("digits/"))
            seen.add(number)
            pixels = split.read(index)
            assert np.array_equal(pixels[:, :, 0], np.rint(theirs.images[number] * 255 / 16))
            assert split.labels[index] == theirs.target[number]
    assert seen == set(range(1_797))
    assert (source.channels, source.typical_size, source.mirrored) == (1, (8, 8), False)


def test_the_division_is_by_class_and_does_not_depend_on_the_seed() -> None:
    source, other = open_source("digits"), open_source("digits", seed=7)
    assert source.fingerprint() == other.fingerprint()
    assert {name: len(split) for name, split in source.splits.items()} == {
        "train": 1212,
        "val": 135,
        "test": 450,
    }
    for name, share in {"val": 135, "test": 450}.items():
        counts = source.splits[name].counts().values()
        assert max(counts) - min(counts) <= share / 10 * 0.1


def test_scikit_learn_is_imported_only_for_the_digits() -> None:
    code = "import sys, residua.data; sys.exit('sklearn' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
