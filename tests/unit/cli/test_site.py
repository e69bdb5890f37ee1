"""Keys of a site: read from where the file says, made where it says nothing, checked alike, never shown."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
import yaml

from twinspan.cli.site import SiteRefused, load_deployment, load_site
from twinspan.model.deployment import Deployment
from twinspan.model.errors import Rejected

GOOD = Path(__file__).parents[3] / "examples" / "01-two-spans" / "site.yaml"
KEY = "hush-hush-47"


@pytest.fixture
def site(tmp_path: Path) -> Any:
    """Writes the first example with these places for its BGP key and its pre-shared key."""

    def write(bgp: object = None, psk: object = None) -> Path:
        data = yaml.safe_load(GOOD.read_text())
        if bgp is not None:
            data["bgp_groups"]["vbr"]["auth_key"] = bgp
        if psk is not None:
            data["ipsec_connections"] = {"vpn": {"psk": psk}}
        path = tmp_path / "site.yaml"
        path.write_text(yaml.safe_dump(data))
        return path

    return write


def psk_of(deployment: Deployment, node: str = "gateway") -> str:
    return deployment.configs[node].tunnels[0].psk.reveal()


def bgp_key_of(deployment: Deployment) -> str:
    bgp = deployment.configs["gateway"].bgp
    assert bgp is not None
    (peer,) = bgp.peers
    assert peer.auth_key is not None
    return peer.auth_key.reveal()


def test_keys_that_nobody_gave_are_made_anew_and_agree_at_both_ends(site: Any) -> None:
    first, second = load_deployment(site()), load_deployment(site())
    assert psk_of(first) == psk_of(first, "vpn-gateway")
    made = {psk_of(first), bgp_key_of(first), psk_of(second), bgp_key_of(second)}
    assert len(made) == 4
    assert min(map(len, made)) >= 32


def test_a_key_in_the_site_file_is_taken(site: Any) -> None:
    assert psk_of(load_deployment(site(psk=KEY))) == KEY


def test_a_key_comes_from_the_first_line_of_a_file_beside_the_site(site: Any, tmp_path: Path) -> None:
    (tmp_path / "keys").mkdir()
    (tmp_path / "keys" / "vpn").write_text(f"{KEY}  \nsecond line\n")
    assert psk_of(load_deployment(site(psk={"file": "keys/vpn"}))) == KEY
    assert psk_of(load_deployment(site(psk={"file": str(tmp_path / "keys" / "vpn")}))) == KEY


def test_a_key_comes_from_the_environment(site: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TS_TEST_KEY", KEY)
    found = load_deployment(site(bgp={"env": "TS_TEST_KEY"}, psk={"env": "TS_TEST_KEY"}))
    assert (psk_of(found), bgp_key_of(found)) == (KEY, KEY)


def test_a_variable_that_is_not_set_is_named(site: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TS_TEST_KEY", raising=False)
    with pytest.raises(Rejected, match="key psk:vpn/0: environment variable TS_TEST_KEY is not set") as caught:
        load_deployment(site(psk={"env": "TS_TEST_KEY"}))
    assert caught.value.remedy


@pytest.mark.usefixtures("impatient")
def test_a_file_that_is_missing_or_unreadable_is_named_with_the_reason(site: Any, tmp_path: Path) -> None:
    with pytest.raises(Rejected, match=f"key bgp:vbr: cannot read {tmp_path}/none: No such file"):
        load_deployment(site(bgp={"file": "none"}))
    (tmp_path / "folder").mkdir()
    with pytest.raises(Rejected, match="folder: it is a directory"):
        load_deployment(site(bgp={"file": "folder"}))
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(Rejected, match="pipe: it is a named pipe"):
        load_deployment(site(bgp={"file": "pipe"}))
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00hush")
    with pytest.raises(Rejected, match="binary: it is no UTF-8 text"):
        load_deployment(site(bgp={"file": "binary"}))


BAD = ["", " ", "two words", "x" * 101, "tab\there", 'quo"te', "schlüssel"]


@pytest.mark.parametrize("text", BAD)
@pytest.mark.parametrize("kind", ["bgp", "psk"])
def test_a_key_from_elsewhere_keeps_the_rules_of_one_in_the_site_file(
    site: Any, monkeypatch: pytest.MonkeyPatch, kind: str, text: str
) -> None:
    monkeypatch.setenv("TS_TEST_KEY", text)
    with pytest.raises(Rejected, match=f"^key {kind}:v") as caught:
        load_deployment(site(**{kind: {"env": "TS_TEST_KEY"}}))
    assert not text.strip() or text not in str(caught.value)
    if text.strip():
        with pytest.raises(SiteRefused):
            load_site(site(**{kind: text}))


def test_a_bgp_key_has_at_most_80_characters_wherever_it_comes_from(site: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TS_TEST_KEY", "x" * 81)
    with pytest.raises(Rejected, match="too long"):
        load_deployment(site(bgp={"env": "TS_TEST_KEY"}))
    assert psk_of(load_deployment(site(psk={"env": "TS_TEST_KEY"}))) == "x" * 81


def test_a_refused_site_says_every_finding_once_on_standard_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "site.yaml"
    path.write_text(GOOD.read_text().replace("local_asn: 65001", "local_asn: 0"))
    with pytest.raises(SiteRefused, match="is not admitted") as caught:
        load_site(path)
    shown = capsys.readouterr()
    assert shown.out == ""
    assert shown.err.strip() == caught.value.text.strip()
    assert "local_asn" in shown.err


def test_a_warning_is_shown_and_the_site_goes_on(capsys: pytest.CaptureFixture[str]) -> None:
    load_site(GOOD.parents[1] / "06-ikev1" / "site.yaml")
    assert "R-IPSEC-002" in capsys.readouterr().err
    load_site(GOOD)
    assert capsys.readouterr().err == ""
