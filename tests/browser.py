"""A Chromium without a screen, told what to do over a pair of pipes: its own protocol, and no package for it."""

import base64
import json
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

SECONDS = 30


class Tab:
    """One open page.

    Attributes:
        asked: the address of every request that the page made.
        complaints: errors and refusals that its console shows.
    """

    def __init__(self, path: str, profile: Path) -> None:
        to_read, self.to = os.pipe()
        self.fro, to_write = os.pipe()
        flags = (
            "--headless --no-sandbox --disable-gpu --remote-debugging-pipe --no-first-run --hide-scrollbars"
        )
        command = f'exec "$0" {flags} --user-data-dir="$1" 3<&{to_read} 4>&{to_write} 2>/dev/null'
        self.process = subprocess.Popen(
            ["bash", "-c", command, path, str(profile)],
            pass_fds=(to_read, to_write),
            stdout=subprocess.DEVNULL,
        )
        os.close(to_read)
        os.close(to_write)
        self.rest, self.number, self.session = b"", 0, ""
        self.asked: list[str] = []
        self.complaints: list[str] = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Network", "Log", "DOM"):
            self.call(f"{domain}.enable")

    def __enter__(self) -> "Tab":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self.to)
        os.close(self.fro)

    def call(self, method: str, **arguments: Any) -> dict[str, Any]:
        """Give an order, and return its answer."""
        self.number += 1
        order = {"id": self.number, "method": method, "params": arguments}
        if self.session:
            order["sessionId"] = self.session
        os.write(self.to, json.dumps(order).encode() + b"\0")
        while True:
            said = self.next()
            if said.get("id") == self.number:
                assert "error" not in said, said
                return dict(said["result"])

    def next(self) -> dict[str, Any]:
        """Return what the browser says next, and note what is to be noted."""
        while b"\0" not in self.rest:
            content = os.read(self.fro, 1 << 20)
            assert content, "the browser has ended"
            self.rest += content
        message, _, self.rest = self.rest.partition(b"\0")
        said: dict[str, Any] = json.loads(message)
        found = said.get("params", {})
        match said.get("method"):
            case "Network.requestWillBeSent":
                self.asked.append(found["request"]["url"])
            case "Runtime.exceptionThrown":
                self.complaints.append(str(found["exceptionDetails"]))
            case "Log.entryAdded":
                self.complaints.append(found["entry"]["text"])
        return said

    def open(self, address: str, *, width: int = 1200, height: int = 900, phone: bool = False) -> None:
        """Open a page in a window of a size."""
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=phone,
        )
        self.call("Page.navigate", url=address)
        self.until("document.readyState === 'complete'")

    def run(self, script: str) -> Any:
        """Return the value of an expression in the page; a promise is waited for."""
        found = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in found, found
        return found["result"].get("value")

    def until(self, condition: str) -> None:
        """Wait until an expression is true."""
        end = time.monotonic() + SECONDS
        while not self.run(condition):
            assert time.monotonic() < end, f"{condition}: not within {SECONDS} s; {self.complaints}"
            time.sleep(0.02)

    def press(self, key: str, code: int) -> None:
        """Press a key."""
        text = {"Enter": "\r", " ": " "}.get(key, "")
        for kind in ("keyDown", "keyUp"):
            self.call(
                "Input.dispatchKeyEvent", type=kind, key=key, text=text, windowsVirtualKeyCode=code, code=key
            )

    def choose(self, selector: str, file: Path) -> None:
        """Choose a file in an input, as a person does in the dialogue."""
        root = self.call("DOM.getDocument")["root"]["nodeId"]
        node = self.call("DOM.querySelector", nodeId=root, selector=selector)["nodeId"]
        self.call("DOM.setFileInputFiles", files=[str(file)], nodeId=node)

    def picture(self, path: Path) -> None:
        """Write what the page looks like as PNG."""
        path.write_bytes(base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"]))


@contextmanager
def opened(path: str, profile: Path) -> Iterator[Tab]:
    """Give a browser, and end it."""
    with Tab(path, profile) as tab:
        yield tab
