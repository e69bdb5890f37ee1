"""`twinspan device shell` against an independent WebSocket server that plays the device's part."""

from __future__ import annotations

import json
import os
import pty
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from websockets.sync.server import Server, ServerConnection, serve
from websockets.typing import Subprotocol

from twinspan.server.authority import authorities, create_authority

SRC = Path(__file__).resolve().parents[2] / "src"
SUBPROTOCOL = Subprotocol("twinspan.cloud.v1")


class Device:
    """A server that echoes what is typed in capitals, and ends the session at `quit`."""

    def __init__(self, folder: Path) -> None:
        create_authority(folder, ("127.0.0.1",), time.time_ns())
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder / "server.pem")
        self.paths: list[str] = []
        self.authorization: list[str | None] = []
        self.heard: list[dict[str, object]] = []
        self.server: Server = serve(self._session, "127.0.0.1", 0, ssl=context, subprotocols=[SUBPROTOCOL])
        self.address = f"127.0.0.1:{self.server.socket.getsockname()[1]}"
        self.ca_file = folder / "ca.pem"
        self.ca_file.write_text("".join(authorities(folder)))

    def _session(self, peer: ServerConnection) -> None:
        assert peer.request is not None
        self.paths.append(peer.request.path)
        self.authorization.append(peer.request.headers.get("Authorization"))
        peer.send(json.dumps({"type": "cli-data", "session": "s", "text": "<device> "}))
        for message in peer:
            said = json.loads(message)
            self.heard.append(said)
            if "quit" in said.get("text", ""):
                peer.send(json.dumps({"type": "cli-close", "session": "s", "detail": "logged out"}))
            elif "text" in said:
                peer.send(json.dumps({"type": "cli-data", "session": "s", "text": said["text"].upper()}))
                if "clowd" in said["text"]:
                    peer.send(json.dumps({"type": "cli-data", "session": "s", "text": " % Unrecog"}))
                    peer.send(json.dumps({"type": "cli-data", "session": "s", "text": "nized command\r\n"}))


@pytest.fixture
def device(tmp_path: Path) -> Iterator[Device]:
    made = Device(tmp_path / "authority")
    thread = threading.Thread(target=made.server.serve_forever, daemon=True)
    thread.start()
    yield made
    made.server.shutdown()
    thread.join(timeout=5)


def command(device: Device) -> list[str]:
    return [sys.executable, "-m", "twinspan.cli.main", "device", "shell", "S 1", "--server", device.address,
            "--ca-file", str(device.ca_file)]  # fmt: skip


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    return os.environ | {
        "PYTHONPATH": str(SRC), "XDG_CONFIG_HOME": str(tmp_path), "TWINSPAN_TOKEN": "twinspan_secret",
        "COLUMNS": "100", "LINES": "30",
    }  # fmt: skip


def shell(device: Device, environment: dict[str, str], **stdin: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(device), env=environment, check=False, capture_output=True, text=True, timeout=30, **stdin
    )


def test_piped_commands_are_typed_and_their_output_comes_back(device: Device, environment: dict[str, str]) -> None:
    done = shell(device, environment, input="display clock\nquit\n")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("<device> ")
    assert device.paths == ["/api/v1/devices/S%201/shell?columns=100&rows=30"]
    assert device.authorization == ["Bearer twinspan_secret"]
    assert "secret" not in done.stdout + done.stderr


def test_when_the_input_is_over_what_still_comes_is_waited_for(device: Device, environment: dict[str, str]) -> None:
    done = shell(device, environment, input="größe\n")
    assert (done.returncode, done.stdout) == (0, "<device> GRÖSSE\n")
    assert "the input is over" in done.stderr


def test_a_line_that_the_device_refuses_makes_the_exit_code_1(device: Device, environment: dict[str, str]) -> None:
    done = shell(device, environment, input="clowd\n")
    assert done.returncode == 1
    assert "Unrecognized command" in done.stdout


def test_a_piped_line_that_asks_for_help_is_taken_back(device: Device, environment: dict[str, str]) -> None:
    done = shell(device, environment, input='reboot ?\nsysname "who?"\nquit\n')
    assert done.returncode == 0, done.stderr
    typed = "".join(str(said.get("text", "")) for said in device.heard)
    assert typed == 'reboot ?\x15sysname "who?"\nquit\n'


def test_commands_come_from_a_file_as_well(device: Device, environment: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "commands").write_text("display version\n")
    with (tmp_path / "commands").open() as file:
        done = shell(device, environment, stdin=file)
    assert (done.returncode, done.stdout) == (0, "<device> DISPLAY VERSION\n")


def test_a_person_at_a_terminal_types_key_by_key_and_leaves_by_the_escape(
    device: Device, environment: dict[str, str]
) -> None:
    terminal, inside = pty.openpty()
    process = subprocess.Popen(command(device), env=environment, stdin=inside, stdout=inside, stderr=inside)
    os.close(inside)
    shown = b""

    def read_until(wanted: bytes) -> None:
        nonlocal shown
        deadline = time.monotonic() + 20
        while wanted not in shown and time.monotonic() < deadline:
            shown += os.read(terminal, 4096)
        assert wanted in shown

    read_until(b"<device> ")
    os.write(terminal, b"\x03")  # Ctrl-C is the device's, it does not end the session here
    os.write(terminal, b"abc")
    read_until(b"ABC")
    os.write(terminal, b"\x1d")
    assert process.wait(timeout=20) == 0
    os.close(terminal)
    assert "".join(str(said.get("text", "")) for said in device.heard) == "\x03abc"
    assert b"recorded" in shown
