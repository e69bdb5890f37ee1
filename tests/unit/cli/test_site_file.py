"""Checking a site file from bytes to findings."""

import os
import time
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from twinspan.cli.site_file import SHOWN_AT_ONCE, check, findings_text, read
from twinspan.model.errors import Rejected
from twinspan.model.field_plan import fields_of
from twinspan.model.kinds import SECTIONS
from twinspan.model.site import SiteFile

ROOT = Path(__file__).parents[3]
EXAMPLES = sorted(ROOT.glob("examples/*/*.yaml"))
KEY = "hush-hush-47"


def base() -> dict[str, Any]:
    data: dict[str, Any] = yaml.safe_load((ROOT / "examples" / "01-two-spans" / "site.yaml").read_text())
    return data


def test_a_file_that_is_not_there_is_rejected_with_a_way_out(tmp_path: Path) -> None:
    with pytest.raises(Rejected, match="No such file"):
        read(tmp_path / "none.yaml")


@pytest.mark.usefixtures("impatient")
def test_what_is_no_file_is_rejected_at_once_and_named(tmp_path: Path) -> None:
    """A pipe without a writer would otherwise be waited for; some devices act when they are opened."""
    pipe, folder = tmp_path / "pipe.yaml", tmp_path / "folder"
    os.mkfifo(pipe)
    folder.mkdir()
    for path, reason in (
        (pipe, "it is a named pipe"),
        (Path("/dev/null"), "it is a device"),
        (folder, "it is a directory"),
    ):
        with pytest.raises(Rejected, match=f"cannot read {path}: {reason}") as caught:
            read(path)
        assert caught.value.remedy == "give the path of a site file"


def test_ten_megabytes_are_answered_in_one_sentence(tmp_path: Path) -> None:
    path = tmp_path / "big.yaml"
    path.write_bytes(b"a: " + b"x" * 10_000_000)
    assert findings_text(read(path)) == (
        "error[R-FILE-001] big.yaml:1:1\n"
        "    problem: the file has more than 1048576 bytes\n"
        "    rule:    A site file has at most 1048576 bytes (1 MiB). (Twinspan)\n"
        "    way out: one site per file; split it\n"
        "\nbig.yaml: 1 error\n"
    )


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_an_example_gives_a_site_without_errors(path: Path) -> None:
    assert read(path).site is not None


def test_a_good_site_has_nothing_to_report() -> None:
    assert findings_text(read(EXAMPLES[0])) == "site.yaml: nothing to report\n"


def test_at_most_twenty_findings_are_printed_and_all_are_counted() -> None:
    data = base()
    data["virtual_border_routers"] = {f"vbr-{i}": {"vlan_id": 3000} for i in range(30)}
    text = findings_text(check(yaml.safe_dump(data).encode(), "site.yaml"))
    assert text.count("error[") == SHOWN_AT_ONCE
    assert "... and 10 more" in text
    assert "30 errors" in text


@pytest.mark.parametrize(
    "extra",
    [
        {"ipsec_connections": {"vpn": {"psk": KEY, "mistake": 1}}},
        {"ipsec_connections": {"vpn": {"psk": f"{KEY} with space"}}},
        {"ipsec_connections": {"vpn": {"psk": [KEY]}}},
        {"ipsec_connections": {"vpn": {"psk": {"value": KEY}}}},
        {"bgp_groups": {"vbr": {"auth_key": KEY * 20}}},
        {"customer_gateways": {"customer-gateway": {"auth_key": f"{KEY}?"}}},
        {"ipsec_connections": {"vpn": {"pks": KEY}}},
    ],
)
def test_a_key_is_in_no_finding(extra: dict[str, Any]) -> None:
    result = check(yaml.safe_dump({**base(), **extra}).encode(), "site.yaml")
    assert result.findings
    assert KEY not in findings_text(result)
    assert KEY not in repr(result)


def test_a_key_is_not_in_the_representation_of_a_site() -> None:
    data = {**base(), "ipsec_connections": {"vpn": {"psk": KEY}}}
    result = check(yaml.safe_dump(data).encode(), "site.yaml")
    assert result.site is not None
    assert KEY not in repr(result.site)


def test_findings_come_by_severity_then_by_place() -> None:
    result = read(ROOT / "tests" / "golden" / "errors" / "ipsec-subnets-ikev1.yaml")
    order = [("error", "warning", "info").index(finding.severity) for finding in result.findings]
    assert order == sorted(order)


def test_a_site_is_checked_in_milliseconds() -> None:
    text = EXAMPLES[0].read_bytes()
    check(text, "site.yaml")
    fastest = min(_timed(text) for _ in range(10))
    assert fastest < 0.03  # about 2 ms on a quiet core; the rest is room for a busy machine


def _timed(text: bytes) -> float:
    started = time.perf_counter()
    check(text, "site.yaml")
    return time.perf_counter() - started


ODD_BYTES = b" \t\n:-[]{}'\"#&*!|>%@`0a\xff\x00"
ODD_VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-1, 5000),
    st.sampled_from(
        ["", "vbr", "vpn", "office", "user", "10.0.0.1", "10.0.0.0/8", "192.168.1.0/24", "::1", "fd00::/64"]
    ),
    st.lists(st.sampled_from(["vpn", "vbr", "10.0.0.0/8", 5, None]), max_size=3),
    st.dictionaries(st.sampled_from(["role", "vpc", "version", "tunnel_cidr"]), st.sampled_from(["office", "x", 1])),
)


@st.composite
def odd_sites(draw: st.DrawFn) -> dict[str, Any]:
    data = base()
    for section in draw(st.lists(st.sampled_from(sorted(SECTIONS)), min_size=1, max_size=4)):
        fields = sorted(fields_of(SECTIONS[section].spec))
        odd = st.dictionaries(st.sampled_from(fields), ODD_VALUES, max_size=3)
        names = st.sampled_from(["vbr", "vpn", "office", "user", "one", "two"])
        data[section] = {**data.get(section, {}), **draw(st.dictionaries(names, odd, max_size=3))}
    if draw(st.booleans()):
        data[draw(st.sampled_from(sorted(fields_of(SiteFile))))] = draw(ODD_VALUES)
    return data


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(odd_sites())
def test_no_site_file_makes_it_fall_over(data: dict[str, Any]) -> None:
    result = check(yaml.safe_dump(data).encode(), "site.yaml")
    assert (result.site is None) == any(finding.severity == "error" for finding in result.findings)
    findings_text(result)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=300))
def test_no_bytes_make_it_fall_over(content: bytes) -> None:
    assert check(content, "site.yaml").site is None


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_no_damaged_example_makes_it_fall_over(data: st.DataObject) -> None:
    text = bytearray(EXAMPLES[0].read_bytes())
    for _ in range(data.draw(st.integers(1, 5))):
        text[data.draw(st.integers(0, len(text) - 1))] = data.draw(st.sampled_from(ODD_BYTES))
    check(bytes(text), "site.yaml")
