"""A service in a thread of the test, and requests to it, well-formed or not."""

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from io import BytesIO
from typing import Any

import pytest
from PIL import Image

from residua.serve.service import Service

BOUNDARY = "----boundary"


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)


@dataclass(frozen=True)
class Client:
    """Where a service listens."""

    port: int

    @property
    def address(self) -> str:
        """For a browser."""
        return f"http://127.0.0.1:{self.port}/"

    def ask(self, method: str, path: str, body: bytes = b"", **headers: str) -> Answer:
        """Make a request; `content_type` stands for Content-Type."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=30)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, body=body or None, headers=named)
        response = connection.getresponse()
        found = Answer(response.status, {k.lower(): v for k, v in response.getheaders()}, response.read())
        connection.close()
        return found

    def send(self, *files: bytes, path: str = "/predict", field: str = "images") -> Answer:
        """Send files as a form."""
        return self.ask(
            "POST", path, form(*files, field=field), content_type=f"multipart/form-data; boundary={BOUNDARY}"
        )


def form(*files: bytes, field: str = "images") -> bytes:
    """Return a form of files."""
    parts = [
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{field}"; filename="{place}.png"\r\n\r\n'.encode()
        + content
        + b"\r\n"
        for place, content in enumerate(files)
    ]
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()


def png(colour: tuple[int, int, int] = (200, 40, 40), side: int = 24) -> bytes:
    """Return a picture of one colour."""
    file = BytesIO()
    Image.new("RGB", (side, side), colour).save(file, "PNG")
    return file.getvalue()


@contextmanager
def serving(service: Service) -> Iterator[Client]:
    """Run a service until the end of the block; skip the test where its packages are missing."""
    uvicorn = pytest.importorskip("uvicorn", reason="uvicorn is not installed")
    pytest.importorskip("fastapi", reason="fastapi is not installed")
    from residua.serve.app import make_app

    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(make_app(service), log_level="critical"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield Client(listening.getsockname()[1])
    finally:
        server.should_exit = True
        thread.join()
        listening.close()
