"""Start a second training, and a resume, into the folder of a run that is being trained: refused, and nothing is lost.

    scripts/faults runs [--at-once 3]

While a training of digits runs, the same command and `residua resume` are given for its folder. Then several trainings
are started into one new folder at the same moment: one of them wins. At last, as many without a name, which each get
a folder of their own. Exit code 1 when a second one is not refused with a sentence, or when the first does not end as
it would have alone, bit for bit.
"""

import argparse
import os
import signal
import tempfile
from pathlib import Path

from benchmarks.launching import differing, ended, metrics, residua, start, wait_until

TRAIN = ("train", "digits", "--model", "resnet8_cifar", "--epochs", "2", "--no-exam", "--device", "cpu")


def while_one_runs(unbroken: Path, run: Path) -> bool:
    """Give the commands of a second training while the first runs; return whether all went as it should."""
    first = start(*TRAIN, "--run", str(run))
    wait_until(
        lambda: bool(list(run.glob("checkpoints/step-*"))) or first.poll() is not None, "the first checkpoint"
    )
    first.send_signal(signal.SIGSTOP)  # so that it is not over before the others have begun
    second = start(*TRAIN, "--run", str(run))
    resumed, why = residua("resume", str(run))
    again, said = ended(second)
    first.send_signal(signal.SIGCONT)
    code, _ = ended(first)
    different = differing(run, unbroken)
    print(f"a second train: exit code {again}: {said}\na resume: exit code {resumed}: {why}")
    print(f"the first: exit code {code}; tensors that differ from a run alone: {len(different)}", flush=True)
    held = "is being written by process" in why
    return (code, again, resumed) == (0, 2, 2) and held and "holds a run" in said and not different


def at_once(unbroken: Path, run: Path, count: int) -> bool:
    """Start several trainings into one folder at the same moment; return whether exactly one of them trained."""
    started = [start(*TRAIN, "--run", str(run)) for _ in range(count)]
    ends = [ended(process) for process in started]
    different = differing(run, unbroken)
    for code, said in ends:
        print(f"at once: exit code {code}: {said if code else 'trained'}")
    print(f"tensors that differ from a run alone: {len(different)}", flush=True)
    return sorted(code for code, _ in ends) == [0] + [2] * (count - 1) and not different


def without_a_name(folder: Path, count: int) -> bool:
    """Start several trainings without a name at the same moment; return whether each has a folder of its own."""
    os.chdir(folder)
    codes = [ended(process)[0] for process in [start(*TRAIN) for _ in range(count)]]
    runs = [path.name for path in Path("runs").iterdir() if metrics(path)]
    print(f"without a name: exit codes {codes}, runs {', '.join(sorted(runs))}", flush=True)
    return codes == [0] * count and len(runs) == count


def main() -> None:
    """Try each and say how it went."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--at-once", type=int, default=3)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        residua(*TRAIN, "--run", str(folder / "unbroken"))
        well = [while_one_runs(folder / "unbroken", folder / "run")]
        well.append(at_once(folder / "unbroken", folder / "once", asked.at_once))
        here = Path.cwd()
        well.append(without_a_name(folder, asked.at_once))
        os.chdir(here)
    raise SystemExit(0 if all(well) else 1)


if __name__ == "__main__":
    main()
