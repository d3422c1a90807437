"""The teaching page, served by its own command in a process of its own, and a learner who speaks its protocol."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.request import urlopen

import websockets
from streamlit.proto.BackMsg_pb2 import BackMsg
from streamlit.proto.Element_pb2 import Element
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg
from streamlit.proto.WidgetStates_pb2 import WidgetState

PROGRAM = [sys.executable, "-c", "from titranc.sim.cli import main; main()", "web"]
LONGEST_START_SECONDS = 120


@dataclass(frozen=True)
class Served:
    """A page that is being served: where, by which process, and what it said."""

    port: int
    process: subprocess.Popen[bytes]
    said: str

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}/"

    def resident_mib(self) -> float:
        """Return the memory of the server, MiB."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        found = re.search(r"VmRSS:\s+(\d+) kB", status)
        assert found is not None
        return int(found[1]) / 1024


@contextmanager
def served(folder: Path, *words: str) -> Iterator[Served]:
    """Serve the page from `folder` at a free port until the block is left."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    out = folder.parent / f"{folder.name}-said.txt"
    with out.open("wb") as file:
        process = subprocess.Popen(
            [*PROGRAM, "--port", str(port), *words], cwd=folder, stdout=file, stderr=subprocess.STDOUT, env=os.environ
        )
    try:
        _wait_for(port, process, out)
        yield Served(port, process, out.read_text())
    finally:
        process.terminate()
        process.wait(20)


def _wait_for(port: int, process: subprocess.Popen[bytes], out: Path) -> None:
    until = time.monotonic() + LONGEST_START_SECONDS
    while time.monotonic() < until:
        assert process.poll() is None, out.read_text()
        try:
            with urlopen(f"http://127.0.0.1:{port}/_stcore/health", timeout=2):
                return
        except OSError:
            time.sleep(0.2)
    raise AssertionError(f"not served within {LONGEST_START_SECONDS} s: {out.read_text()}")


@dataclass
class Learner:
    """One visitor: the widgets and numbers on the page after the last answer, without a browser."""

    query: str = ""
    buttons: dict[str, str] = field(default_factory=dict)
    metrics: dict[str, str] = field(default_factory=dict)
    texts: list[str] = field(default_factory=list)
    states: dict[str, WidgetState] = field(default_factory=dict)
    seconds: list[float] = field(default_factory=list)

    async def come(self, served_at: int) -> None:
        """Open the page."""
        self.line = await websockets.connect(
            f"ws://127.0.0.1:{served_at}/_stcore/stream", subprotocols=["streamlit"],
            origin=f"http://127.0.0.1:{served_at}", max_size=None,
        )  # fmt: skip
        await self._ask(None)

    async def press(self, key: str) -> None:
        """Press a button, by its key, and wait for the page's answer."""
        begun = time.perf_counter()
        await self._ask(self.buttons[key])
        self.seconds.append(time.perf_counter() - begun)

    async def go(self) -> None:
        """Close the page."""
        await self.line.close()

    async def _ask(self, pressed: str | None) -> None:
        asked = BackMsg()
        asked.rerun_script.query_string = self.query
        if pressed is not None:
            asked.rerun_script.widget_states.widgets.append(WidgetState(id=pressed, trigger_value=True))
        await self.line.send(asked.SerializeToString())
        self.buttons, self.metrics, self.texts = {}, {}, []
        while True:
            answer = ForwardMsg()
            data = await self.line.recv()
            assert isinstance(data, bytes)
            answer.ParseFromString(data)
            kind = answer.WhichOneof("type")
            if kind == "delta" and answer.delta.WhichOneof("type") == "new_element":
                self._read(answer.delta.new_element)
            # A page that asks to be drawn again ends one script and begins another.
            if kind == "script_finished" and answer.script_finished != ForwardMsg.FINISHED_EARLY_FOR_RERUN:
                return

    def _read(self, element: Element) -> None:
        kind = element.WhichOneof("type")
        if kind == "button":
            self.buttons[element.button.id.split("-")[-1]] = element.button.id
        elif kind == "metric":
            self.metrics[element.metric.label] = element.metric.body
        elif kind in ("markdown", "html", "alert"):
            self.texts.append(getattr(element, kind).body)
