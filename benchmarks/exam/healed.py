"""A plain network of 56 layers without norms, trained as it is and healed: its error on the training set.

python -m benchmarks.exam.healed
"""

import copy

import msgspec
import torch

import residua
from residua.exam import heal
from residua.lab.fitting import Fit, error, fit
from residua.lab.samples import samples

HOW = Fit(epochs=30, lr=0.05, warmup=0.1)


def main() -> None:
    """Print both errors, and what was changed."""
    pictures = samples()
    spec = msgspec.structs.replace(residua.spec("plain56"), norm="none")
    torch.manual_seed(0)
    model = residua.build(spec, classes=10, in_channels=1, image_size=8)
    healed = heal(model, pictures.batch(256))
    for edit in healed.edits:
        print(f"{edit.words}: probability {edit.before:.2f} -> {edit.after:.2f}")
    for name, network in (("as it is", copy.deepcopy(model)), ("healed", healed.model)):
        fit(network, pictures.train, HOW, seed=0)
        print(
            f"{name}: {error(network, pictures.train):.1f} % train error after {HOW.epochs} epochs",
            flush=True,
        )


if __name__ == "__main__":
    main()
