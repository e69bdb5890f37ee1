"""How devices look: their state in a word, and no control characters of theirs."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from twinspan.cli.admin_client import Fault
from twinspan.cli.device_screen import (
    MAX_FAULTS,
    Event,
    print_device,
    print_devices,
    print_events,
    print_faults,
)
from twinspan.model.device_view import DeviceView

NOW = 1_800_000_000_000_000_000
NEVER = DeviceView(
    serial="S1", owner="kiel", connected=False, platform="", module_type="", tags=(), credential="password",
    token_expires_at_ns=None, epoch=0, worker=None, address=None, software="", note="", added_at_ns=NOW,
    connected_at_ns=None, last_heard_ns=None, last_down_reason=None, last_down_at_ns=None, quarantined_at_ns=None,
)  # fmt: skip


def test_what_a_newer_server_says_is_shown_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    said = {**msgspec.to_builtins(NEVER), "credential": "passkey", "mood": "good"}
    print_device(msgspec.json.decode(msgspec.json.encode(said), type=DeviceView))
    assert ": passkey\n" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("change", "state"),
    [
        ({}, "never connected"),
        ({"connected": True, "connected_at_ns": NOW, "epoch": 1}, "connected since"),
        ({"connected_at_ns": NOW, "last_down_at_ns": NOW, "last_down_reason": "keepalive expired"}, "down since"),
        ({"connected": True, "connected_at_ns": NOW, "quarantined_at_ns": NOW}, "quarantined since"),
    ],
)
def test_the_state_is_one_word(change: dict[str, Any], state: str, capsys: pytest.CaptureFixture[str]) -> None:
    device = msgspec.structs.replace(NEVER, **change)
    print_device(device)
    assert f": {state}" in capsys.readouterr().out
    print_devices([device], more=False)
    assert state.removesuffix(" since") in capsys.readouterr().out


def test_a_device_without_owner_says_what_that_means(capsys: pytest.CaptureFixture[str]) -> None:
    print_device(msgspec.structs.replace(NEVER, owner=None))
    assert "unbound and can be added" in capsys.readouterr().out


@pytest.mark.parametrize(("expires_ns", "word"), [(1, "expired"), (2**62, "good until")])
def test_a_token_says_whether_it_is_still_good(expires_ns: int, word: str, capsys: pytest.CaptureFixture[str]) -> None:
    print_device(msgspec.structs.replace(NEVER, credential="token", token_expires_at_ns=expires_ns))
    assert word in capsys.readouterr().out


def test_events_read_like_a_log(capsys: pytest.CaptureFixture[str]) -> None:
    newest_first = [
        Event(serial="S1", at_ns=NOW + 10**9, kind="down", detail="keepalive expired\x1b[2J", epoch=1),
        Event(serial="S1", at_ns=NOW, kind="connected", epoch=1),
    ]
    print_events(newest_first, with_serial=True)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[3] for line in lines] == ["connected", "down"]
    assert lines[1].endswith("keepalive expired?[2J")


def test_events_stand_in_the_order_of_their_times_whenever_they_arrived(capsys: pytest.CaptureFixture[str]) -> None:
    newest_arrival_first = [
        Event(serial="S1", at_ns=NOW - 10**9, kind="note", detail="link: lan0 up"),
        Event(serial="S1", at_ns=NOW + 10**9, kind="note", detail="cloud: established"),
        Event(serial="S1", at_ns=NOW, kind="connected", epoch=1),
    ]
    print_events(newest_arrival_first, with_serial=False)
    assert [line.split()[2:4] for line in capsys.readouterr().out.splitlines()] == [
        ["note", "link:"], ["connected", "epoch"], ["note", "cloud:"],
    ]  # fmt: skip


def test_a_file_full_of_faults_does_not_fill_the_screen(capsys: pytest.CaptureFixture[str]) -> None:
    print_faults([Fault(field="serial", problem="bad", remedy="good", line=n) for n in range(MAX_FAULTS + 9)])
    complaint = capsys.readouterr().err
    assert complaint.endswith("and 9 more\n")
    assert complaint.count("Way out") == MAX_FAULTS
