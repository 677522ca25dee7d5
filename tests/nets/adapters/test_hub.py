"""The Hub, as a server on this machine answers for it."""

import json
import zlib
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import ClassVar

import pytest
import safetensors.torch
import torch

from residua.errors import BadInput, BadRun
from residua.nets.adapters import hub, read_weights
from residua.nets.adapters.hub import fetch

WEIGHT = torch.arange(6.0)
CONFIG = {
    "architecture": "resnet50",
    "pretrained_cfg": {"mean": [0.5, 0.5, 0.5], "std": [0.2, 0.2, 0.2], "license": "apache-2.0"},
}
FILES = {
    "/timm/resnet50/resolve/main/model.safetensors": safetensors.torch.save({"weight": WEIGHT}),
    "/timm/resnet50/resolve/main/config.json": json.dumps(CONFIG).encode(),
    "/mine/pictures/resolve/main/readme.md": b"no weights",
}


class Repository(BaseHTTPRequestHandler):
    """Answers as the Hub does: what a file is in its headers, and which thing is missing in another."""

    asked: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.asked.append(self.path)
        content = FILES.get(self.path)
        self.send_response(404 if content is None else 200)
        if content is None:
            known = any(file.startswith(self.path.partition("/resolve")[0]) for file in FILES)
            self.send_header("X-Error-Code", "EntryNotFound" if known else "RepoNotFound")
        self.send_header("X-Repo-Commit", "0" * 40)
        self.send_header("ETag", f'"{zlib.crc32(content or b""):08x}"')
        self.send_header("Content-Length", str(len(content or b"")))
        self.end_headers()
        if content is not None and self.command == "GET":
            self.wfile.write(content)

    do_HEAD = do_GET

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def endpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    constants = pytest.importorskip("huggingface_hub.constants", reason="huggingface_hub is not installed")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    Repository.asked = []
    with ThreadingHTTPServer(("127.0.0.1", 0), Repository) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def test_weights_come_with_what_the_repository_says_of_them(endpoint: str) -> None:
    found = fetch("hf:timm/resnet50", endpoint=endpoint)
    assert torch.equal(read_weights(found.path)["weight"], WEIGHT)
    assert (found.architecture, found.licence) == ("resnet50", "apache-2.0")
    assert (found.mean, found.std) == ((0.5, 0.5, 0.5), (0.2, 0.2, 0.2))


def test_what_is_in_the_cache_needs_no_network(endpoint: str) -> None:
    first = fetch("hf:timm/resnet50", endpoint=endpoint)
    Repository.asked.clear()
    assert fetch("hf:timm/resnet50", endpoint=endpoint) == first
    assert Repository.asked == []


def test_a_repository_without_weights_and_one_that_is_not_there(endpoint: str) -> None:
    with pytest.raises(BadRun, match=r"holds neither model\.safetensors nor pytorch_model\.bin"):
        fetch("hf:mine/pictures", endpoint=endpoint)
    with pytest.raises(BadRun, match=r"has no repository your/pictures at v2 that you may read"):
        fetch("hf:your/pictures@v2", endpoint=endpoint)


@pytest.mark.parametrize("name", ["hf:resnet50", "hf:a/b/c", "hf:a b/c", "hf:"])
def test_what_is_no_name_of_a_repository_is_refused(name: str, endpoint: str) -> None:
    with pytest.raises(BadInput, match="is no repository"):
        fetch(name, endpoint=endpoint)


def test_no_network_is_a_sentence(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub.errors import LocalEntryNotFoundError

    def unreachable(*_: object, **__: object) -> str:
        raise LocalEntryNotFoundError("no network")

    monkeypatch.setattr("huggingface_hub.hf_hub_download", unreachable)
    with pytest.raises(BadRun, match="is not on this machine and the Hub cannot be reached"):
        hub.fetch("hf:timm/resnet50", endpoint=endpoint)
