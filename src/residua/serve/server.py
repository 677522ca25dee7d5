"""The process: it loads the network, listens, and ends when it is asked to, after what it has begun."""

from collections.abc import Callable
from pathlib import Path

from residua.errors import BadInput, MissingExtra
from residua.export.bundle import form_of
from residua.export.fastest import folder_of, open_fastest
from residua.runs import load_model
from residua.serve.limits import Limits
from residua.serve.service import Looker, Service, looker_for


def open_service(target: str, limits: Limits, *, device: str | None = None) -> Service:
    """Load what a user named into the fastest runtime here.

    A run, and a file of weights, can also say what they looked at.

    Raises:
        BadRun: there is no such thing.
    """
    program = open_fastest(target, device=device)
    return Service(program, limits, None if program.card.segments else looker_of(Path(target)))


def looker_of(target: Path) -> Looker | None:
    """Return the network of a run, for its gradient; None for an exported file."""
    if target.is_file() and form_of(target) is not None:
        return None
    return looker_for(load_model(folder_of(target)).network)


def serve(service: Service, *, host: str, port: int, tell: Callable[[str], None]) -> None:
    """Answer requests until the process is asked to stop; those under way are still answered.

    Args:
        service: what answers.
        host: address to listen at; 127.0.0.1 is this machine alone.
        port: to listen at; 0 for any that is free.
        tell: told the address once it listens.

    Raises:
        MissingExtra: FastAPI and uvicorn are not installed.
        BadInput: somebody else listens there, or it may not be used.
    """
    try:
        import uvicorn

        from residua.serve.app import make_app
    except ImportError as error:
        raise MissingExtra("serving needs FastAPI and uvicorn: pip install 'residua[serve]'") from error
    config = uvicorn.Config(
        make_app(service),
        host=host,
        port=port,
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_keep_alive=10,
        timeout_graceful_shutdown=30,
        limit_concurrency=4 * service.limits.queue,
        h11_max_incomplete_event_size=32_768,
    )
    try:
        socket = config.bind_socket()
    except SystemExit as error:  # it prints why, and leaves
        raise BadInput(f"--host {host} --port {port} cannot be listened at; take another port") from error
    address, taken = socket.getsockname()[:2]
    socket.listen(
        config.backlog
    )  # who connects from now on waits for the first answer instead of being refused
    tell(f"http://{address}:{taken}")
    uvicorn.Server(config).run(sockets=[socket])
