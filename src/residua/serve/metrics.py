"""What a service counts, as Prometheus reads it."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Final, final

EDGES: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)


@final
@dataclass(slots=True)
class Metrics:
    """Counts since the service began.

    >>> metrics = Metrics()
    >>> metrics.answered("/predict", 200, 0.02)
    >>> print(metrics.text(queue=0).splitlines()[2])
    residua_requests_total{path="/predict",status="200"} 1
    """

    requests: Counter[tuple[str, int]] = field(default_factory=Counter)
    within: list[int] = field(default_factory=lambda: [0] * len(EDGES))
    seconds: float = 0.0
    timed: int = 0
    batches: int = 0
    pictures: int = 0

    def answered(self, path: str, status: int, seconds: float) -> None:
        """Count a request that was answered; of those for predictions the time too."""
        self.requests[path, status] += 1
        if path == "/predict" and status == 200:
            self.timed += 1
            self.seconds += seconds
            for place, edge in enumerate(EDGES):
                self.within[place] += seconds <= edge

    def ran(self, pictures: int) -> None:
        """Count a batch."""
        self.batches += 1
        self.pictures += pictures

    def text(self, *, queue: int) -> str:
        """Return the counts in the text format 0.0.4."""
        lines = head("residua_requests_total", "counter", "Requests answered, by path and status.")
        lines += [
            f'residua_requests_total{{path="{path}",status="{status}"}} {number}'
            for (path, status), number in sorted(self.requests.items())
        ]
        name = "residua_predict_seconds"
        lines += head(name, "histogram", "Time from the request to the answer, of those with status 200.")
        lines += [
            f'{name}_bucket{{le="{edge}"}} {number}' for edge, number in zip(EDGES, self.within, strict=True)
        ]
        lines += [
            f'{name}_bucket{{le="+Inf"}} {self.timed}',
            f"{name}_sum {self.seconds:.6f}",
            f"{name}_count {self.timed}",
        ]
        for name, kind, said, number in (
            ("residua_batches_total", "counter", "Batches that went through the network.", self.batches),
            ("residua_pictures_total", "counter", "Pictures that went through the network.", self.pictures),
            ("residua_queue_pictures", "gauge", "Pictures that wait.", queue),
        ):
            lines += [*head(name, kind, said), f"{name} {number}"]
        return "\n".join(lines) + "\n"


def head(name: str, kind: str, said: str) -> list[str]:
    """Return the two lines that introduce a metric."""
    return [f"# HELP {name} {said}", f"# TYPE {name} {kind}"]
