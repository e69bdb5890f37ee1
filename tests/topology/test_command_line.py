"""The command line of a real agent in a namespace: local socket, ping and tracert, SSH, and through a real server."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import shutil
import signal
import socket
import stat
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest
from netmiko import ConnectHandler
from tests.topology.conftest import Bench

from twinspan.agent.journal import Journal
from twinspan.model.device_config import DeviceConfig

pytestmark = pytest.mark.topology
SRC = Path(__file__).resolve().parents[2] / "src"
A, B = "198.51.100.1", "198.51.100.2"
PORT = 19443
MAX_KEY_STROKE_S = 0.005
"""From the key to its echo, through both TLS connections and back; some 0.5 ms on an idle machine."""


class Device:
    """An agent in `bench.a`, whose node directory is `node_dir`."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.node_dir = bench.directory / "gw"
        self.environment = os.environ | {
            "PYTHONPATH": str(SRC), "PYTHONUNBUFFERED": "1", "XDG_CONFIG_HOME": str(bench.directory / "config"),
        }  # fmt: skip
        bench.ip("-n", bench.a, "address", "add", f"{A}/24", "dev", "c0")
        bench.ip("-n", bench.b, "address", "add", f"{B}/24", "dev", "c0")
        self.processes: list[subprocess.Popen[bytes]] = []
        self.start()

    def start(self) -> None:
        self.agent = self.run_in(self.bench.a, "agent", "--node-dir", str(self.node_dir))
        wait_for(lambda: self.cli("display clock", check=False).returncode == 0)

    def run_in(self, namespace: str, *arguments: str) -> subprocess.Popen[bytes]:
        log = (self.bench.directory / f"{arguments[0]}.log").open("ab")
        process = subprocess.Popen(twinspan(namespace, *arguments), env=self.environment, stdout=log, stderr=log)
        self.processes.append(process)
        return process

    def cli(self, *lines: str, check: bool = True, words: Sequence[str] = ()) -> subprocess.CompletedProcess[str]:
        words = [*words, *(word for line in lines for word in ("-c", line))]
        command = [sys.executable, "-m", "twinspan.cli.main", "cli", str(self.node_dir), *words]
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, timeout=60, check=False)
        assert not check or done.returncode == 0, done.stdout + done.stderr
        return done

    def script(self, *lines: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "twinspan.cli.main", "cli", str(self.node_dir)]
        text = "\n".join(lines) + "\n"
        return subprocess.run(
            command, env=self.environment, input=text, capture_output=True, text=True, timeout=60, check=False
        )

    def close(self) -> None:
        for process in reversed(self.processes):
            process.terminate()
        for process in self.processes:
            process.wait(20)


def twinspan(namespace: str, *arguments: str) -> list[str]:
    return ["ip", "netns", "exec", namespace, sys.executable, "-m", "twinspan.cli.main", *arguments]


def wait_for(what: Callable[[], object], deadline_s: float = 20.0) -> None:
    end = time.monotonic() + deadline_s
    while not what():
        assert time.monotonic() < end, "not in time"
        time.sleep(0.05)


@pytest.fixture
def device(bench: Bench) -> Iterator[Device]:
    made = Device(bench)
    try:
        yield made
    finally:
        made.close()


class Keyboard:
    """A person's terminal in front of a command."""

    def __init__(self, command: Sequence[str], environment: dict[str, str]) -> None:
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            os.execvpe(command[0], list(command), environment)
        self.seen = ""

    def until(self, text: str, deadline_s: float = 20.0) -> str:
        end = time.monotonic() + deadline_s
        while text not in self.seen:
            ready, _, _ = select.select([self.terminal], [], [], max(0.0, end - time.monotonic()))
            assert ready, f"{text!r} is not in {self.seen!r}"
            try:
                data = os.read(self.terminal, 65536)
            except OSError:  # the other end of the terminal is closed
                data = b""
            assert data, f"it ended before {text!r}: {self.seen!r}"
            self.seen += data.decode(errors="replace")
        before, found, self.seen = self.seen.partition(text)
        return before + found

    def type(self, text: str) -> None:
        os.write(self.terminal, text.encode())

    def exit_code(self) -> int:
        """Reads what is left: a program waits until its last words are taken."""
        while True:
            try:
                if not os.read(self.terminal, 65536):
                    break
            except OSError:
                break
        code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        os.close(self.terminal)
        return code


def test_commands_scripts_and_their_exit_codes(device: Device) -> None:
    assert stat.S_IMODE((device.node_dir / "cli.sock").stat().st_mode) == 0o600
    assert "Cloud connection state   : Unconnected" in device.cli("display cloud-management state").stdout
    rows = device.cli("display interface brief").stdout.splitlines()
    assert any(row.startswith("c0 ") and " UP " in row for row in rows)
    refused = device.script("system-view", "clowd-management", "sysname branch")
    assert refused.returncode == 1
    assert "Unrecognized command" in refused.stdout
    assert refused.stdout.endswith("[branch]\n"), "the lines after a refused one are carried out"
    assert device.script("display clock").returncode == 0


def test_a_configuration_with_its_secrets_moves_to_another_device(device: Device) -> None:
    device.script("system-view", "cloud-management server password simple Open-sesame-42", "sysname branch")
    passphrase, file = device.bench.directory / "pass.txt", device.bench.directory / "gateway.cfg"
    passphrase.write_text("a passphrase\n")
    words = ["--passphrase-file", str(passphrase)]
    exported = device.cli("display current-configuration", words=words).stdout
    assert "Open-sesame" not in exported
    assert "$p1$" in exported
    file.write_text(exported)
    (device.bench.directory / "other").mkdir()
    there = device.bench.directory / "other" / "gw"
    device.run_in(device.bench.b, "agent", "--node-dir", str(there))
    here, device.node_dir = device.node_dir, there
    wait_for(lambda: device.cli("display clock", check=False).returncode == 0)
    without = device.cli("display clock", words=["--config", str(file)], check=False)
    assert without.returncode == 1
    assert "cannot be read here" in without.stdout
    device.cli("save force", words=["--config", str(file), *words])
    assert config_of(here).cloud == config_of(there).cloud
    assert config_of(here).cloud.password.reveal() == "Open-sesame-42"
    assert config_of(here).access == config_of(there).access
    assert not any(b"sesame" in file.read_bytes() for file in (*here.iterdir(), *there.iterdir()) if file.is_file())
    wrong = device.cli("display clock", words=["--passphrase-file", "/nowhere"], check=False)
    assert (wrong.returncode, "No such file" in wrong.stderr) == (2, True)


def config_of(node_dir: Path) -> DeviceConfig:
    found = Journal(node_dir).load_config()
    assert found is not None
    return found


def test_without_an_agent_it_is_said_what_to_do(device: Device) -> None:
    device.close()
    done = device.cli("display clock", check=False)
    assert done.returncode == 2
    assert "no agent answers" in done.stderr
    assert "twinspan agent --node-dir" in done.stderr


def test_an_agent_outlives_the_removal_of_its_directory(device: Device) -> None:
    report = json.loads(ask(device.node_dir, {"op": "report"}))["report"]
    shutil.rmtree(device.node_dir)
    wait_for(lambda: device.cli("display clock", check=False).returncode == 0)
    assert json.loads(ask(device.node_dir, {"op": "report"}))["report"]["agent_pid"] == report["agent_pid"]
    device.cli("save force")
    log = (device.bench.directory / "agent.log").read_text()
    assert "Traceback" not in log


def test_ping_and_tracert_reach_the_neighbour(device: Device) -> None:
    shown = device.cli(f"ping -c 2 -a {A} {B}").stdout
    assert f"Ping {B} ({B}): 56 data bytes" in shown
    reply = rf"^56 bytes from {re.escape(B)}: icmp_seq=[01] ttl=64 time=[\d.]+ ms$"
    assert len(re.findall(reply, shown, re.MULTILINE)) == 2
    assert "2 packet(s) transmitted, 2 packet(s) received, 0.0% packet loss" in shown
    assert "round-trip min/avg/max/std-dev" in shown
    path = device.cli(f"tracert {B}").stdout.splitlines()
    assert path[0].startswith(f"traceroute to {B} ({B}), 30 hops at most")
    assert re.fullmatch(rf" 1  {re.escape(B)} \({re.escape(B)}\)  [\d.]+ ms [\d.]+ ms [\d.]+ ms", path[1])
    assert len(path) == 2
    lost = device.cli("ping -c 2 -m 100 -t 200 198.51.100.77", check=False).stdout
    assert "100.0% packet loss" in lost


def test_a_silent_hop_is_three_asterisks_and_a_hop_in_between_is_seen(device: Device) -> None:
    ip = device.bench.ip
    ip("-n", device.bench.b, "address", "add", "203.0.113.9/32", "dev", "lo")
    ip("-n", device.bench.a, "route", "add", "203.0.113.0/24", "via", B)
    assert " 1  203.0.113.9" in device.cli("tracert 203.0.113.9").stdout
    ip("-n", device.bench.b, "route", "add", "blackhole", "203.0.113.10/32")
    subprocess.run(
        ["ip", "netns", "exec", device.bench.b, "sysctl", "-qw", "net.ipv4.ip_forward=1"], check=True, timeout=10
    )
    silent = device.cli("tracert -m 2 -w 200 203.0.113.10").stdout
    assert " * * *" in silent


def test_a_person_interrupts_pages_and_leaves_a_sane_terminal(device: Device) -> None:
    person = Keyboard([sys.executable, "-m", "twinspan.cli.main", "cli", str(device.node_dir)], device.environment)
    person.until("<gw>")
    person.type(f"ping -c 1000 {B}\r")
    person.until("icmp_seq=2")
    person.type("\x03")
    assert "packet loss" in person.until("<gw>")
    person.type("sys\t")
    person.until("system-view")
    person.type("\r")
    person.until("[gw]")
    person.type("quit\rquit\r")
    assert person.exit_code() == 0
    hung = Keyboard([sys.executable, "-m", "twinspan.cli.main", "cli", str(device.node_dir)], device.environment)
    hung.until("<gw>")
    hung.type("\x1d")
    assert hung.exit_code() == 0


def test_an_agent_that_is_killed_hangs_up_and_its_successor_knows_the_config(device: Device) -> None:
    device.script("system-view", "sysname branch")
    person = Keyboard([sys.executable, "-m", "twinspan.cli.main", "cli", str(device.node_dir)], device.environment)
    person.until("<branch>")
    report = json.loads(ask(device.node_dir, {"op": "report"}))["report"]
    assert report["config_source"] == "cli"
    os.kill(report["agent_pid"], signal.SIGKILL)
    person.until("hung up")
    assert person.exit_code() == 1
    wait_for(lambda: device.cli("display clock", check=False).returncode == 0)
    assert " sysname branch" in device.cli("display current-configuration").stdout


def ask(node_dir: Path, request: dict[str, object]) -> bytes:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.connect(str(node_dir / "agent.sock"))
        connection.sendall(json.dumps(request).encode() + b"\n")
        with connection.makefile("rb") as lines:
            return lines.readline()


def test_ssh_is_off_until_it_is_configured_and_listens_in_the_namespace(device: Device) -> None:
    port = 2022
    assert ":2022" not in listening(device)
    device.script(
        "system-view", "local-user ann class manage", "password simple Correct-horse", "service-type ssh",
        "authorization-attribute user-role network-admin", "quit", f"ssh server port {port}", "ssh server enable",
    )  # fmt: skip
    wait_for(lambda: f":{port}" in listening(device))
    with (
        device.bench.inside(device.bench.b),
        ConnectHandler(device_type="hp_comware", host=A, port=port, username="ann", password="Correct-horse") as client,
    ):
        assert client.find_prompt() == "<gw>"
        assert "UTC" in client.send_command("display clock")
    device.script("system-view", "undo ssh server enable")
    wait_for(lambda: f":{port}" not in listening(device))


def listening(device: Device) -> str:
    return subprocess.run(
        ["ss", "-ltnN", device.bench.a], capture_output=True, text=True, check=True, timeout=10
    ).stdout


def test_a_shell_through_the_server_is_the_same_and_quick(device: Device) -> None:
    state = device.bench.directory / "state"
    token = device.bench.directory / "token"
    environment = device.environment

    def command(*arguments: str) -> str:
        done = subprocess.run(
            twinspan(device.bench.b, *arguments), env=environment, capture_output=True, text=True, timeout=60,
            check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    command("server", "init", "--name", B, "--token-file", str(token), "--state-dir", str(state))
    device.run_in(device.bench.b, "server", "run", "--state-dir", str(state), "--listen", B, "--port", str(PORT))
    fingerprint = json.loads(command("server", "show", "--json", "--state-dir", str(state)))["authorities"][0][
        "fingerprint"
    ]
    wait_for(lambda: f":{PORT}" in subprocess.run(
        ["ss", "-ltnN", device.bench.b], capture_output=True, text=True, check=True, timeout=10).stdout)  # fmt: skip
    command("device", "login", "--server", B, "--fingerprint", fingerprint, "--token-file", str(token))
    manuinfo = device.cli("display device manuinfo").stdout
    serial = re.search(r"DEVICE_SERIAL_NUMBER : (\S+)", manuinfo)
    assert serial is not None
    password = device.bench.directory / "password"
    password.write_text("Open-sesame-42\n")
    command("server", "account", "add", "kiel", "--state-dir", str(state))
    command("device", "add", serial[1], "--owner", "kiel", "--password-file", str(password))
    done = device.script(
        "system-view", f"cloud-management server domain {B}", "cloud-management server password simple Open-sesame-42"
    )
    assert done.returncode == 0, done.stdout
    wait_for(lambda: re.search(r"cli +Established", device.cli("display cloud-management state").stdout))

    person = Keyboard(twinspan(device.bench.b, "device", "shell", serial[1]), environment)
    person.until("<gw>")
    person.type("display clock\r")
    assert "UTC" in person.until("\r\n<gw>")
    times = []
    for _ in range(40):
        began = time.perf_counter()
        person.type("d")
        person.until("d")
        times.append(time.perf_counter() - began)
    assert statistics.median(times) < MAX_KEY_STROKE_S, times
    person.type("\x15system-view\rcloud-management keepalive 77\rreturn\rquit\r")
    person.exit_code()
    report = json.loads(ask(device.node_dir, {"op": "report"}))["report"]
    assert report["config_source"] == "cli"
    assert "keepalive 77" in device.cli("display current-configuration").stdout
    casts = list((state / "recordings" / serial[1]).glob("*.cast"))
    assert len(casts) == 1
    assert "keepalive 77" in casts[0].read_text()
