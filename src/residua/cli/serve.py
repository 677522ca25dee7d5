"""`residua serve`: a network that answers over HTTP, and a page to try it on."""

from residua.cli.screen import open_screen, say
from residua.serve import Limits, server

MEGA = 1_000_000


def serve(
    target: str,
    /,
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    batch: int = 16,
    wait: float = 4.0,
    queue: int = 128,
    max_body: float = 16.0,
    max_pixels: float = 50.0,
    device: str | None = None,
) -> None:
    """Answer POST /predict with what is in the pictures, and show a page at /. Ctrl-C ends it.

    Pictures that come together go through the network together. Nothing of a request is kept. /openapi.json says what
    is asked and answered, /healthz and /readyz whether it lives and has room, /metrics what it has done.

    Args:
        target: the folder of a run, its bare name under runs/, or a file that `residua export` wrote.
        host: address to listen at; 0.0.0.0 lets other machines in.
        port: to listen at; 0 for any that is free.
        batch: pictures that go through the network together at most.
        wait: milliseconds that a picture waits for others.
        queue: pictures that may wait; one more is answered with 503.
        max_body: megabytes of a request.
        max_pixels: millions of pixels of a picture.
        device: to run on in PyTorch; by default the fastest runtime and device here, timed once.
    """
    limits = Limits(
        batch=batch,
        wait=wait / 1000,
        queue=queue,
        body=round(max_body * MEGA),
        pixels=round(max_pixels * MEGA),
    )
    screen = open_screen(stderr=True)
    service = server.open_service(target, limits, device=device)
    model = service.program.card.model
    say(screen, f"{model.name}, {len(model.classes)} classes, in {service.program.runtime}")
    server.serve(service, host=host, port=port, tell=lambda address: say(screen, f"serving at {address}"))
