"""A checkpoint and a model flipped or cut in every part of them: found by the checksum, the one before is taken.

    scripts/faults checkpoints [--count 2000] [--seed 0]

A training of digits leaves two checkpoints and a model. The newest checkpoint is damaged `count` times, each time in
another part, and the run asked to go on from the newest that is whole; the model is damaged as often, and loaded.
Exit code 1 when a damage is not found, when anything but a sentence comes back, or when one tensor is not the one
that was saved.
"""

import argparse
import random
import sys
import tempfile
from collections import Counter
from pathlib import Path

import torch

from benchmarks.mutations import mutations
from residua.errors import BadRun
from residua.optim import Average, make_optimizer
from residua.runs import load_model
from residua.training import Settings, train
from residua.training.checkpoint import checkpoints, load_checkpoint, read_checkpoint, save_checkpoint
from residua.training.state import State


def damage_checkpoints(folder: Path, state: State, count: int, chance: random.Random) -> Counter[str]:
    """Damage the newest of two checkpoints again and again; return how often what came of it.

    Args:
        folder: of the checkpoints; they are as they were at the end.
        state: that they are loaded into.
        count: damages.
        chance: of each damage.
    """
    newest, before = checkpoints(folder)
    whole = newest.read_bytes()
    # Python's own random state is left out: checks of types in the tests draw from it; nothing in training does.
    saved = {name: tensor for name, tensor in read_checkpoint(before)[0].items() if name != "random/plain"}
    seen: Counter[str] = Counter()
    for mutation in mutations(whole, count, chance):
        newest.write_bytes(mutation.content)
        taken, sentences = load_checkpoint(folder, state)
        found = dict(state.tensors())
        same = all(torch.equal(tensor, found[name]) for name, tensor in saved.items())
        if (taken, len(sentences), same) == (before, 1, True):
            seen["found, and the one before taken"] += 1
        else:
            seen[f"not found: {mutation.said}"] += 1
    newest.write_bytes(whole)
    return seen


def damage_model(folder: Path, count: int, chance: random.Random) -> Counter[str]:
    """Damage the weights of a model again and again; return how often what came of it."""
    stored = folder / "model.safetensors"
    whole = stored.read_bytes()
    seen: Counter[str] = Counter()
    for mutation in mutations(whole, count, chance):
        stored.write_bytes(mutation.content)
        try:
            load_model(folder)
        except BadRun:
            seen["refused"] += 1
        else:
            seen[f"not found: {mutation.said}"] += 1
    stored.write_bytes(whole)
    return seen


def main() -> None:
    """Damage a real run and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    chance = random.Random(asked.seed)
    with tempfile.TemporaryDirectory() as name:
        run, _ = train("digits", Settings(epochs=2, device="cpu"), run=Path(name) / "run")
        state = state_of(run.folder)
        seen = {
            "checkpoint": damage_checkpoints(run.checkpoints, state, asked.count, chance),
            "model": damage_model(run.folder, asked.count, chance),
        }
    for kind, counts in seen.items():
        for what, times in counts.most_common():
            print(f"{kind}: {times} {what}")
    sys.exit(any("not found" in what for counts in seen.values() for what in counts))


def state_of(folder: Path) -> State:
    """Return a state of the network of a run, with two checkpoints of it in the folder, a step apart."""
    network = load_model(folder).network
    optimizer = make_optimizer(network, kind="sgd", lr=0.1, momentum=0.9, weight_decay=0.0)
    state = State(network, Average(network, decay=0.9), optimizer)
    for parameter in network.parameters():
        parameter.grad = torch.ones_like(parameter)
    for path in checkpoints(folder / "checkpoints"):
        path.unlink()
    for step in (1, 2):
        optimizer.step()
        state.average.update(network, step)
        state.progress.step = step
        save_checkpoint(folder / "checkpoints", state)
    return state


if __name__ == "__main__":
    main()
