"""`twinspan device` against a real server process: what works, what is refused, and what a stranger is not sent."""

from __future__ import annotations

import socket
import stat
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.contract.conftest import Run, RunningServer, as_json, made_password

from twinspan.cli import main
from twinspan.server.authority import create_authority, ssl_context
from twinspan.server.store import FILE_NAME, Claim, DeviceStore

LogIn = Callable[[str], Run]
NOW = 1_800_000_000_000_000_000


# ------------------------------------------------------------------------------------------------ trust and tokens


def test_a_server_that_nobody_vouched_for_gets_nothing(run: Run) -> None:
    code, _, complaint = run("list")
    assert code == 2
    assert "is not known here" in complaint
    assert "twinspan device login" in complaint


def test_without_a_person_the_fingerprint_must_be_given(run: Run, server: RunningServer) -> None:
    code, _, complaint = run("login", "--token-file", str(server.token_file))
    assert code == 2
    assert "--fingerprint" in complaint


def test_another_fingerprint_is_refused_and_nothing_is_remembered(run: Run, server: RunningServer) -> None:
    code, _, complaint = run("login", "--fingerprint", "0" * 64, "--token-file", str(server.token_file))
    assert code == 2
    assert server.fingerprint in complaint
    assert run("list")[0] == 2


@pytest.mark.parametrize("fingerprint", ["", "abc", "g" * 64])
def test_what_is_no_fingerprint_is_told(run: Run, server: RunningServer, fingerprint: str) -> None:
    code, _, complaint = run("list", "--fingerprint", fingerprint, "--token-file", str(server.token_file))
    assert code == 2
    assert "64 hex digits" in complaint


def test_a_login_is_kept_for_its_owner_alone(logged_in: LogIn, tmp_path: Path) -> None:
    run = logged_in("kiel")
    path = tmp_path / "config" / "twinspan" / "servers.json"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert run("list")[0] == 0
    path.chmod(0o644)
    code, _, complaint = run("list")
    assert code == 2
    assert "chmod 600" in complaint


def test_a_logout_forgets_server_and_token(logged_in: LogIn) -> None:
    run = logged_in("kiel")
    assert run("logout")[0] == 0
    assert run("list")[0] == 2
    assert run("logout")[0] == 2


def test_a_wrong_token_is_refused_without_being_shown(
    run: Run, server: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TWINSPAN_TOKEN", "twinspan_wrong")
    for arguments in (("list", "--fingerprint", server.fingerprint), ("login", "--fingerprint", server.fingerprint)):
        code, shown, complaint = run(*arguments)
        assert code == 2
        assert "does not know this token" in complaint
        assert "twinspan server token" in complaint
        assert "twinspan_wrong" not in shown + complaint


def test_without_a_token_it_is_said_how_to_get_one(run: Run, server: RunningServer) -> None:
    code, _, complaint = run("list", "--fingerprint", server.fingerprint)
    assert code == 2
    assert "--token-file" in complaint
    assert "twinspan server token" in complaint


@pytest.mark.parametrize("content", [None, b"", b"two words", b"\xff\xfe"])
def test_a_token_file_without_a_token_is_named(run: Run, tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "token"
    if content is not None:
        path.write_bytes(content)
    code, _, complaint = run("list", "--token-file", str(path), "--fingerprint", "0" * 64)
    assert code == 2
    assert str(path) in complaint


def test_a_ca_file_is_enough(run: Run, server: RunningServer, tmp_path: Path) -> None:
    path = tmp_path / "authority.pem"
    path.write_bytes((server.state_dir / "authority.pem").read_bytes())
    assert run("list", "--ca-file", str(path), "--token-file", str(server.token_file))[0] == 0
    path.write_text("no certificate")
    assert run("list", "--ca-file", str(path), "--token-file", str(server.token_file))[0] == 2


@pytest.mark.parametrize("text", ["", "a b", "host:0", "host:65536", "http://host", "host:", "[::1"])
def test_what_is_no_server_is_told(run: Run, text: str) -> None:
    assert run("list", "--server", text)[0] == 2


@pytest.fixture
def stranger(tmp_path: Path) -> Iterator[tuple[str, list[bytes]]]:
    """A TLS server of another authority, and everything that it is sent."""
    create_authority(tmp_path / "stranger", ("127.0.0.1",), 1_790_000_000_000_000_000)
    context, got = ssl_context(tmp_path / "stranger"), []
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            while True:
                try:
                    peer, _ = listening.accept()
                    with context.wrap_socket(peer, server_side=True) as wrapped:
                        got.append(wrapped.recv(65536))
                except OSError:
                    if listening.fileno() < 0:
                        return

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"127.0.0.1:{listening.getsockname()[1]}", got
        listening.shutdown(socket.SHUT_RDWR)
    thread.join(timeout=5)


def test_a_token_never_goes_to_a_server_of_another_authority(
    run: Run, server: RunningServer, stranger: tuple[str, list[bytes]]
) -> None:
    address, got = stranger
    ca_file = str(server.state_dir / "authority.pem")
    code, _, complaint = run("list", "--server", address, "--ca-file", ca_file, "--token-file", str(server.token_file))
    assert code == 2
    assert "does not prove that it is the server you know" in complaint
    assert not any(b"Bearer" in data for data in got)
    code, _, _ = run("login", "--server", address, "--fingerprint", server.fingerprint, "--token-file",
                     str(server.token_file))  # fmt: skip
    assert code == 2
    assert not any(b"Bearer" in data for data in got)


def test_a_port_where_nobody_listens_is_told(run: Run, server: RunningServer) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{unused.getsockname()[1]}"
        ca_file = str(server.state_dir / "authority.pem")
        code, _, complaint = run("list", "--server", address, "--ca-file", ca_file, "--token-file",
                                 str(server.token_file))  # fmt: skip
    assert code == 2
    assert "Connection refused" in complaint


# ------------------------------------------------------------------------------------------------ devices


def test_a_device_comes_and_goes(logged_in: LogIn) -> None:
    run = logged_in("kiel")
    code, shown, _ = run("add", "C1", "--platform", "M9000-AI-E8", "--tag", "site:kiel")
    assert code == 0
    password = made_password(shown)
    for arguments in (("list",), ("show", "C1"), ("events", "C1"), ("show", "C1", "--json")):
        code, shown, complaint = run(*arguments)
        assert (code, complaint) == (0, "")
        assert "C1" in shown or arguments[0] == "events"
        assert password not in shown
    assert as_json(run("list", "--tag", "site:kiel", "--json")[1])[0]["platform"] == "M9000-AI-E8"
    assert run("remove", "C1", "--yes")[0] == 0
    code, _, complaint = run("show", "C1")
    assert code == 2
    assert "no device with the serial" in complaint


def test_an_account_does_not_see_what_belongs_to_another(logged_in: LogIn) -> None:
    assert logged_in("kiel")("add", "C2")[0] == 0
    run = logged_in("bonn")
    assert "C2" not in run("list")[1]
    for arguments in (("show", "C2"), ("remove", "C2", "--yes"), ("set-password", "C2"), ("exec", "C2", "ping")):
        assert run(*arguments)[0] == 2
    code, _, complaint = run("add", "C2")
    assert code == 2
    assert "unbind-code C2" in complaint
    code, shown, _ = run("unbind-code", "C2")
    assert code == 0
    assert "cloud-management unbinding-code" in shown
    notice = logged_in("kiel")("events", "C2")[1]
    assert "bonn asked for a code" in notice


def test_a_password_comes_from_a_file_and_never_comes_back(logged_in: LogIn, tmp_path: Path) -> None:
    run = logged_in("kiel")
    path = tmp_path / "password"
    path.write_text("correct-horse\n")
    code, shown, complaint = run("add", "C3", "--password-file", str(path))
    assert (code, shown, complaint) == (0, "Device C3 is added for kiel.\n", "")
    assert "correct-horse" not in str(run("show", "C3", "--json"))
    path.write_text("short\n")
    code, shown, complaint = run("set-password", "C3", "--password-file", str(path))
    assert code == 2
    assert "short" not in shown + complaint
    assert run("add", "C4", "--token", "--certificate")[0] == 2


def test_a_file_of_devices_is_added_whole_or_not_at_all(logged_in: LogIn, tmp_path: Path) -> None:
    run = logged_in("kiel")
    assert run("add", "C5")[0] == 0
    path, secrets = tmp_path / "devices.csv", tmp_path / "made.csv"
    path.write_text("serial,password\nC6,\nC 7,\nC8,short\nC5,\n")
    code, _, complaint = run("import", str(path))
    assert code == 2
    assert [line.split(":")[0].strip() for line in complaint.splitlines() if "line" in line] == [
        "line 3, serial", "line 4, password", "line 5, serial",
    ]  # fmt: skip
    assert "C6" not in run("list")[1]
    path.write_text("serial,password,token\nC6,,\nC7,correct-horse,\nC8,,new\n")
    code, shown, _ = run("import", str(path), "--secrets-file", str(secrets))
    assert (code, shown) == (0, "3 devices are added.\n")
    assert [line.split(",")[:2] for line in secrets.read_text().splitlines()] == [
        ["serial", "credential"], ["C6", "password"], ["C8", "token"],
    ]  # fmt: skip
    assert stat.S_IMODE(secrets.stat().st_mode) == 0o600
    assert run("import", str(tmp_path / "missing.csv"))[0] == 2


def test_a_command_for_a_device_that_is_away_waits(logged_in: LogIn) -> None:
    run = logged_in("kiel")
    run("add", "C9")
    code, shown, complaint = run("exec", "C9", "ping", "host=192.0.2.1", "--ttl", "3600", "--wait", "0")
    assert (code, shown) == (0, "")
    id_ = complaint.split()[1]
    assert "waits for the device" in complaint
    assert as_json(run("exec", "C9", "--result", id_, "--json")[1])["state"] == "queued"
    code, _, complaint = run("exec", "C9", "--cancel", id_)
    assert (code, complaint) == (0, f"Command {id_} is cancelled.\n")
    assert run("exec", "C9", "--cancel", id_)[0] == 2


@pytest.mark.parametrize("arguments", [(), ("ping", "no-value"), ("ping", "a=1", "a=2"), ("ping", "--result", "x")])
def test_a_command_that_makes_no_sense_is_not_sent(logged_in: LogIn, arguments: tuple[str, ...]) -> None:
    code, _, complaint = logged_in("kiel")("exec", "C9", *arguments)
    assert code == 2
    assert "Way out" in complaint


def test_a_shell_on_a_device_that_is_away_says_so(logged_in: LogIn) -> None:
    run = logged_in("kiel")
    run("add", "C10")
    code, _, complaint = run("shell", "C10")
    assert code == 2
    assert "not connected" in complaint
    code, _, complaint = run("shell", "C99")
    assert code == 2
    assert "no device with the serial" in complaint


def test_a_quarantine_is_shown_and_lifted(logged_in: LogIn, server: RunningServer) -> None:
    run = logged_in("kiel")
    run("add", "C11")
    store = DeviceStore(server.state_dir / FILE_NAME)
    store.claim(Claim(serial="C11", expected_epoch=0, boot_id="b", worker="elsewhere", at_ns=NOW))
    store.quarantine("C11", "two devices show this serial", NOW)
    store.close()
    shown = run("show", "C11")[1]
    assert "quarantined since" in shown
    assert "two devices show this serial" in shown
    assert "may connect again" in run("release", "C11")[1]
    assert "is in no quarantine" in run("release", "C11")[1]


def test_what_a_device_says_cannot_steer_the_terminal(logged_in: LogIn, server: RunningServer) -> None:
    run = logged_in("kiel")
    run("add", "C12")
    store = DeviceStore(server.state_dir / FILE_NAME)
    claim = Claim(
        serial="C12", expected_epoch=0, boot_id="b", worker="w", at_ns=NOW, software="\x1b[2Jv1",
        platform="\x1b]0;title\x07[bold]",
    )  # fmt: skip
    assert store.claim(claim) == 1
    store.close()
    for arguments in (("show", "C12"), ("list",)):
        shown = run(*arguments)[1]
        assert "\x1b" not in shown
        assert "[bold]" in shown


def test_every_command_teaches_by_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    for group in ("device", "server", "server authority", "server account"):
        assert main.run([*group.split(), "--help"]) == 0
        commands = capsys.readouterr().out.partition("Commands:")[2]
        names = [line.split()[0] for line in commands.splitlines() if line.startswith("  ") and line[2] != " "]
        assert names
        for name in names:
            assert main.run([*group.split(), name, "--help"]) == 0
            assert "xample" in capsys.readouterr().out or name in ("authority", "account")
