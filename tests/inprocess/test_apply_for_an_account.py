"""An administrator applies, compares, exports and destroys a site of an account: `--account` as everywhere."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from tests.inprocess.compatible import ADDRESS, Server, made_state

from twinspan.cli.apply import apply, destroy, diff, export
from twinspan.cli.device_login import TOKEN_VARIABLE
from twinspan.server.accounts import Accounts

SITE = str(Path(__file__).parents[2] / "examples" / "01-two-spans" / "site.yaml")
COMMANDS = {"apply": apply, "diff": diff, "export": export, "destroy": destroy}


@pytest.fixture
def server(tmp_path: Path, authority: Path) -> Iterator[Server]:
    running = Server(made_state(tmp_path / "state", authority), async_delay_ms=0)
    running.key("acme")
    yield running
    running.close()


def run(server: Server, name: str, *arguments: str) -> tuple[object, str]:
    token = server.inside(lambda worker: Accounts(worker.store).renew_administrator(time.time_ns()))
    where = ("--server", f"{ADDRESS}:{server.port}", "--ca-file", str(server.folder / "authority.pem"))
    result = CliRunner(env={TOKEN_VARIABLE: token.reveal()}).invoke(
        COMMANDS[name], [*arguments, *where], standalone_mode=False
    )
    if result.exception is not None:
        return result.exception, result.output
    return result.return_value, result.output


def test_each_command_about_sites_takes_an_account(server: Server, tmp_path: Path) -> None:
    outcome, _ = run(server, "apply", SITE, "--yes")
    assert "account" in str(outcome)
    assert run(server, "apply", SITE, "--yes", "--account", "acme")[0] == 0
    assert run(server, "diff", SITE, "--account", "acme")[0] == 0
    written = tmp_path / "out.yaml"
    assert run(server, "export", "two-spans", "--account", "acme", "-o", str(written))[0] == 0
    assert run(server, "diff", str(written), "--account", "acme")[0] == 0
    assert run(server, "destroy", "two-spans", "--account", "acme", "--yes")[0] == 0
    assert run(server, "diff", SITE, "--account", "acme")[0] == 1
    outcome, _ = run(server, "destroy", "two-spans", "--account", "nobody", "--yes")
    assert "there is no account nobody" in str(outcome)
