"""The service as a client meets it: answers, refusals with reasons, and nothing that makes it fall over."""

import base64
import io
import random
import signal
import socket
import subprocess
import sys
import threading
import time
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from residua.runs import load_model
from residua.serve.limits import Limits
from residua.training import Settings, predict, train
from tests.serve.client import Client, form, png, serving
from tests.serve.conftest import LIMITS, service_for
from tests.training.photos import make_photos

FORM = "multipart/form-data; boundary=----boundary"


def test_one_picture_and_many_are_answered_in_their_order(client: Client) -> None:
    red, green = png(), png((30, 200, 30))
    alone = [client.send(content).json["results"][0]["classes"] for content in (red, green)]
    answer = client.send(red, green, red)
    assert answer.status == 200
    found = answer.json
    assert found["model"] == "resnet8_cifar"
    assert [one["name"] for one in found["results"]] == ["0.png", "1.png", "2.png"]
    for one, expected in zip(found["results"], (alone[0], alone[1], alone[0]), strict=True):
        assert [pair["class"] for pair in one["classes"]] == [pair["class"] for pair in expected]
        shares = [pair["probability"] for pair in one["classes"]]
        assert shares == pytest.approx([pair["probability"] for pair in expected], abs=1e-5)
        assert sum(shares) == pytest.approx(1, abs=1e-5)


def test_a_picture_may_be_the_whole_body_and_few_classes_be_asked_for(client: Client) -> None:
    answer = client.ask("POST", "/predict?top=1", png(), content_type="image/png")
    assert (answer.status, len(answer.json["results"][0]["classes"])) == (200, 1)


def test_the_answer_is_that_of_predict(tmp_path: Path) -> None:
    photos = make_photos(tmp_path / "photos")
    run, _ = train(photos, Settings(model="resnet8_cifar", epochs=2, device="cpu"), run=tmp_path / "run")
    from residua.serve.server import open_service

    (expected,) = predict(load_model(run.folder), photos / "dog" / "03.png", device="cpu")
    with serving(open_service(str(run.folder), Limits())) as client:
        found = client.send((photos / "dog" / "03.png").read_bytes()).json["results"][0]["classes"]
    assert tuple(one["class"] for one in found) == expected.classes
    assert [one["probability"] for one in found] == pytest.approx(expected.probabilities, abs=1e-4)


def test_a_network_of_every_pixel_answers_with_a_mask(mask_client: Client) -> None:
    found = mask_client.send(png(side=30)).json["results"][0]
    mask = Image.open(io.BytesIO(base64.b64decode(found["mask"])))
    assert (mask.size, mask.mode) == ((30, 30), "P")
    assert set(np.unique(np.asarray(mask))) <= {0, 1, 2}
    assert sum(one["share"] for one in found["classes"]) == pytest.approx(1)
    assert len(found["colours"]) == 3


def test_what_the_network_looked_at_is_a_map_of_the_square_it_saw(client: Client) -> None:
    answer = client.send(png(), path="/explain?class=bee")
    found = answer.json
    assert (answer.status, found["class"], found["square"]) == (200, "bee", 1.0)
    assert Image.open(io.BytesIO(base64.b64decode(found["map"]))).size == (16, 16)
    assert client.send(png(), path="/explain?class=bear").status == 422
    assert client.send(png(), png(), path="/explain").status == 400


def test_an_exported_program_cannot_say_what_it_looked_at() -> None:
    with serving(service_for("resnet8_cifar", looks=False)) as client:
        assert client.ask("GET", "/about").json["explains"] is False
        answer = client.send(png(), path="/explain")
        assert (answer.status, "serve the run" in answer.json["error"]) == (400, True)


def bomb() -> bytes:
    """Return a PNG of a few kilobytes that declares 300 megapixels."""
    header = b"IHDR" + (20_000).to_bytes(4) + (15_000).to_bytes(4) + bytes((8, 2, 0, 0, 0))
    data = b"IDAT" + zlib.compress(bytes(1000))
    chunks = [header, data, b"IEND"]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        (len(chunk) - 4).to_bytes(4) + chunk + zlib.crc32(chunk).to_bytes(4) for chunk in chunks
    )


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "the file is empty"),
        (b"not a picture", "text, not a picture"),
        (b"<html>", "an HTML page"),
        (png()[:60], "truncated"),
        (bytes(500), "nothing but zero bytes"),
        (bomb(), "its header declares 300,000,000 pixels; at most"),
        (b"PK\x03\x04" + bytes(40), "a zip archive"),
    ],
)
def test_what_is_no_picture_is_refused_by_name_and_reason(
    client: Client, content: bytes, reason: str
) -> None:
    answer = client.send(png(), content)
    assert answer.status == 422
    assert answer.json["error"].startswith("1.png: ")
    assert reason in answer.json["error"]


def test_more_pixels_than_the_limit_are_refused_before_they_are_decoded(client: Client) -> None:
    answer = client.send(png(side=1001))
    assert (answer.status, "1,002,001 pixels; at most 1,000,000" in answer.json["error"]) == (422, True)


@pytest.mark.parametrize(
    ("body", "kind", "path", "status", "reason"),
    [
        (form(), FORM, "/predict", 400, "no picture"),
        (form(png(), field="file"), FORM, "/predict", 400, "in the field 'images'"),
        (form(*[png()] * 5), FORM, "/predict", 413, "5 pictures in one request; at most 4"),
        (form(*[png()] * 50), FORM, "/predict", 400, "Too many files"),
        (b"no form", FORM, "/predict", 400, ""),
        (b"no form", "multipart/form-data", "/predict", 400, ""),
        (b"{}", "application/json", "/predict", 415, "send multipart/form-data"),
        (b"", "", "/predict", 415, "send multipart/form-data"),
        (form(png()), FORM, "/predict?top=0", 422, "top: "),
        (form(png()), FORM, "/predict?top=many", 422, "top: "),
        (bytes(200_001), "image/png", "/predict", 413, "at most 200,000 bytes"),
        (b"", "image/png", "/predict", 422, "the file is empty"),
        (png(), "image/png", "/nothing", 404, "Not Found"),
    ],
)
def test_a_request_that_is_none_gets_a_reason(
    client: Client, body: bytes, kind: str, path: str, status: int, reason: str
) -> None:
    answer = client.ask("POST", path, body, **({"content_type": kind} if kind else {}))
    assert (answer.status, reason in answer.json["error"]) == (status, True), answer.body


def test_a_body_that_does_not_say_its_length_is_cut_off_at_the_limit(client: Client) -> None:
    with socket.create_connection(("127.0.0.1", client.port)) as connection:
        head = "POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\nTransfer-Encoding: chunked\r\n\r\n"
        connection.sendall(head.encode() + (b"10000\r\n" + bytes(0x10000) + b"\r\n") * 4)
        assert connection.recv(100).startswith(b"HTTP/1.1 413")


def test_bodies_that_are_not_finished_may_not_fill_the_memory() -> None:
    """Each of these stays under its own limit; together they are turned away."""
    with serving(service_for("resnet8_cifar", Limits(body=100_000))) as client:
        head = (
            "POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\nContent-Length: 100000\r\n\r\n"
        )
        open_ones = [socket.create_connection(("127.0.0.1", client.port)) for _ in range(17)]
        for connection in open_ones:
            connection.sendall(head.encode() + bytes(99_000))
            connection.settimeout(0.2)
        answers = [received(connection) for connection in open_ones]
        assert sum(answer.startswith(b"HTTP/1.1 503") for answer in answers) == 1
        assert sum(answer == b"" for answer in answers) == 16
        for connection in open_ones:
            connection.close()
        end = time.monotonic() + 10
        while client.send(png()).status != 200:
            assert time.monotonic() < end


def received(connection: socket.socket) -> bytes:
    """Return what has come, or nothing."""
    try:
        return connection.recv(100)
    except TimeoutError:
        return b""


def test_a_client_that_dawdles_is_let_go() -> None:
    limits = Limits(patience=0.2)
    with (
        serving(service_for("resnet8_cifar", limits)) as client,
        socket.create_connection(("127.0.0.1", client.port)) as connection,
    ):
        head = "POST /predict HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\nContent-Length: 900\r\n\r\n"
        connection.sendall(head.encode())
        assert connection.recv(100).startswith(b"HTTP/1.1 408")


def test_a_full_queue_says_when_to_come_back() -> None:
    service = service_for("resnet8_cifar")
    begun, release = threading.Event(), threading.Event()
    plain = service.batcher.run

    def slow(images: torch.Tensor) -> torch.Tensor:
        begun.set()
        release.wait(60)
        return plain(images)

    with serving(service) as client:
        service.batcher.run = slow
        asking = [threading.Thread(target=client.send, args=[png()] * 4) for _ in range(3)]
        asking[0].start()
        assert begun.wait(30)  # the first pictures are taken alone, so that the queue holds all of the others
        for thread in asking[1:]:
            thread.start()
        end = time.monotonic() + 30
        while len(service.batcher.queue) < LIMITS.queue:
            assert time.monotonic() < end
            time.sleep(0.01)
        answer = client.send(png())
        assert (answer.status, answer.headers["retry-after"]) == (503, "1")
        assert client.ask("GET", "/readyz").status == 503
        assert client.ask("GET", "/healthz").status == 200
        release.set()
        for thread in asking:
            thread.join()
        assert client.send(png()).status == 200
        assert client.ask("GET", "/readyz").status == 200


def test_damage_of_every_kind_is_answered_and_breaks_nothing(client: Client) -> None:
    """Some damage leaves a picture that can be read; the rest is refused with a reason."""
    chance = random.Random(0)
    seeds = [png(), *(saved(kind) for kind in ("JPEG", "GIF", "BMP", "TIFF", "WEBP"))]
    statuses = set()
    for _ in range(300):
        content = bytearray(chance.choice(seeds))
        for _ in range(chance.randrange(1, 12)):
            content[chance.randrange(len(content))] = chance.randrange(256)
        kept = (
            bytes(content[: chance.randrange(1, len(content) + 1)])
            if chance.random() < 0.3
            else bytes(content)
        )
        answer = client.send(kept)
        assert answer.status == 200 or answer.json["error"]
        statuses.add(answer.status)
    assert statuses == {200, 422}
    assert client.send(png()).status == 200


def saved(kind: str) -> bytes:
    file = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (20, 20, 3), np.uint8)).save(file, kind)
    return file.getvalue()


def test_what_was_counted_is_told(client: Client) -> None:
    client.send(png(), png())
    client.ask("GET", "/nothing/of/the/kind")
    told = client.ask("GET", "/metrics")
    text = told.body.decode()
    assert told.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert 'residua_requests_total{path="/predict",status="200"}' in text
    assert 'residua_requests_total{path="other",status="404"}' in text
    assert "nothing/of/the/kind" not in text
    assert "residua_queue_pictures 0" in text


def test_the_description_names_every_route_and_every_refusal(client: Client) -> None:
    found = client.ask("GET", "/openapi.json").json
    assert set(found["paths"]) == {"/predict", "/explain", "/about", "/healthz", "/readyz", "/metrics"}
    predict_ = found["paths"]["/predict"]["post"]
    assert set(predict_["responses"]) == {"200", "400", "408", "413", "415", "422", "503"}
    assert (
        predict_["responses"]["200"]["content"]["application/json"]["example"]["results"][0]["name"]
        == "cat.jpg"
    )
    assert "multipart/form-data" in predict_["requestBody"]["content"]
    assert client.ask("GET", "/docs").status == 404


def test_it_ends_when_it_is_asked_to_after_what_it_has_begun(tmp_path: Path) -> None:
    photos = make_photos(tmp_path / "photos")
    run, _ = train(photos, Settings(model="resnet8_cifar", epochs=1, device="cpu"), run=tmp_path / "run")
    command = [sys.executable, "-m", "residua", "serve", str(run.folder), "--port", "0", "--device", "cpu"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    port = 0
    while not port:
        line = process.stderr.readline()
        assert line, "it has ended"
        port = int(line.rpartition(":")[2]) if line.startswith("serving at") else 0
    client = Client(port)
    assert client.send(png()).status == 200
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) in (0, -signal.SIGTERM)
    rest = process.stderr.read()
    process.stderr.close()
    assert "Traceback" not in rest
