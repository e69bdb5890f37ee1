"""Options 253 and 252: what a device takes from DHCP, and what a server writes down for it."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twinspan.model.errors import Rejected
from twinspan.model.secret import Secret
from twinspan.wire.dhcp_options import (
    MAX_PASSWORD,
    WPAD_WARNING,
    CloudReading,
    OptionRefused,
    decode_domain,
    decode_password,
    read_cloud_options,
    render_cloud_conf,
    render_cloud_options,
)

END = b"\xff"


def option(code: int, value: bytes) -> bytes:
    return bytes([code, len(value)]) + value


def message(options: bytes, file: bytes = b"", sname: bytes = b"") -> bytes:
    """An acknowledgement (RFC 2131 2)."""
    head = struct.pack("!4BIHH16x16x", 2, 1, 6, 0, 7, 0, 0)
    return head + sname.ljust(64, b"\0") + file.ljust(128, b"\0") + b"\x63\x82\x53\x63" + options


def reading(options: bytes, **fields: bytes) -> CloudReading:
    return read_cloud_options(message(options, **fields))


def test_both_options_are_read_among_others() -> None:
    found = reading(option(53, b"\5") + b"\0\0" + option(252, b"pw-A") + option(253, b"Cloud.example.com") + END)
    assert found == CloudReading(domain="Cloud.example.com", password=Secret("pw-A"))


def test_a_message_without_them_says_nothing_and_refuses_nothing() -> None:
    assert reading(option(53, b"\5") + END) == CloudReading()


def test_what_stands_behind_the_end_does_not_count() -> None:
    assert reading(END + option(253, b"late.example")) == CloudReading()


def test_a_value_in_pieces_is_one_value() -> None:
    found = reading(option(253, b"cloud.exa") + option(51, b"\0\0\0\1") + option(253, b"mple.com") + END)
    assert found.domain == "cloud.example.com"


@pytest.mark.parametrize(
    ("overload", "domain"), [(1, "a.example"), (2, "b.example"), (3, "a.exampleb.example"), (0, None)]
)
def test_options_in_the_boot_fields_count_when_the_message_says_so(overload: int, domain: str | None) -> None:
    fields = {"file": option(253, b"a.example") + END, "sname": option(253, b"b.example") + END}
    assert reading(option(52, bytes([overload])) + END, **fields).domain == domain


def test_zero_bytes_at_the_end_and_the_last_point_are_not_of_the_value() -> None:
    assert reading(option(253, b"a.example.\0\0") + option(252, b"pw\0") + END) == CloudReading(
        domain="a.example", password=Secret("pw")
    )


@pytest.mark.parametrize("domain", ["192.0.2.7", "2001:db8::7", "a", "x" * 63 + ".example"])
def test_a_domain_may_be_a_name_or_an_address(domain: str) -> None:
    assert decode_domain(domain.encode()) == domain


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (b"", "is empty"),
        (b"\0\0", "is empty"),
        (b"\xff\xfe", "is not UTF-8"),
        (bytes([10, 9, 8, 7]), "control characters; dnsmasq"),
        (b"cloud.example\n", "control characters"),
        (b"http://wpad.example/wpad.dat", "neither a host name nor a whole address"),
        ("clöud.example".encode(), "neither a host name nor a whole address"),
        (b"cloud.example:443", "neither a host name nor a whole address"),
        (b" cloud.example", "neither a host name nor a whole address"),
        (b"-bad_", "neither a host name nor a whole address"),
        (b"1.2.3", "neither a host name nor a whole address"),
        (b"a" * 64, "neither a host name nor a whole address"),
        (b"a." * 130, "longer than 255 bytes"),
    ],
)
def test_a_domain_that_is_none_is_refused_with_the_reason(value: bytes, why: str) -> None:
    found = decode_domain(value)
    assert isinstance(found, OptionRefused)
    assert why in found.reason


@pytest.mark.parametrize("text", ["12345678", "p w", 'q"\\#,:', "пароль" * 10, "de:ad:be:ef", "x" * MAX_PASSWORD])
def test_a_password_is_any_printable_text(text: str) -> None:
    assert decode_password(text.encode()) == Secret(text)


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (b"", "is empty"),
        (b"\xc3", "is not UTF-8"),
        (struct.pack("!I", 12345678), "dnsmasq sends numbers and addresses as bytes"),
        (b"tab\there", "control characters"),
        (b"http://wpad.example/wpad.dat", "proxy discovery"),
        (b"FILE:///proxy.pac", "proxy discovery"),
        (b"x" * (MAX_PASSWORD + 1), "longer than the 63 characters"),
        (b"x" * 300, "longer than 255 bytes"),
    ],
)
def test_a_password_that_is_none_is_refused_without_being_shown(value: bytes, why: str) -> None:
    found = decode_password(value)
    assert isinstance(found, OptionRefused)
    assert why in found.reason


def test_one_bad_value_does_not_take_the_other_with_it() -> None:
    found = reading(option(253, b"a.example") + option(252, b"http://wpad/wpad.dat") + END)
    assert found.domain == "a.example"
    assert found.password is None
    assert found.refused == ("option 252 is a URL, as for proxy discovery (WPAD), and no password",)


@pytest.mark.parametrize("cut", [b"\xfd", b"\xfd\x09", b"\xfd\x09a.exampl"])
def test_a_packet_cut_off_gives_no_half_values(cut: bytes) -> None:
    assert reading(option(252, b"pw") + cut) == CloudReading(refused=("the options of the packet are cut off",))


def test_without_the_cookie_it_is_no_dhcp() -> None:
    assert read_cloud_options(message(option(253, b"a.example") + END).replace(b"\x63\x82", b"\0\0")) == CloudReading()


@given(st.binary(max_size=600))
def test_no_bytes_break_the_reader(options: bytes) -> None:
    for found in (read_cloud_options(options), reading(options), reading(option(52, b"\3") + END, file=options[:128])):
        assert found.domain is None or found.domain.isprintable()
        assert found.password is None or 0 < len(found.password.reveal()) <= MAX_PASSWORD


def test_a_reading_shows_no_password() -> None:
    assert "hidden" not in repr(reading(option(252, b"hidden") + END))


def test_the_file_quotes_what_dnsmasq_would_take_apart() -> None:
    text = render_cloud_options("cloud.example.com", Secret('12"3\\4'))
    assert text.splitlines()[0] == '253,"cloud.example.com"'
    assert text.splitlines()[-1] == '252,"12\\"3\\\\4"'
    assert WPAD_WARNING in text


def test_a_file_without_password_needs_no_warning() -> None:
    assert render_cloud_options("cloud.example.com", None) == '253,"cloud.example.com"\n'
    assert render_cloud_options(None, None) == ""


@pytest.mark.parametrize("domain", ["", "a b", 'a"\n252,"x', "http://a.example", "\udcff"])
def test_a_domain_that_no_device_would_take_is_not_written(domain: str) -> None:
    with pytest.raises(Rejected, match="cloud_domain"):
        render_cloud_options(domain, None)


@pytest.mark.parametrize("password", ["", "hide\nme", "hideme\0", "http://hideme", "hideme" * 20, "hideme\udcff"])
def test_a_password_that_no_device_would_take_is_not_written_and_not_shown(password: str) -> None:
    with pytest.raises(Rejected, match="cloud_password") as raised:
        render_cloud_options("a.example", Secret(password))
    assert "hide" not in str(raised.value)


def test_the_conf_names_the_file_and_warns() -> None:
    text = render_cloud_conf("/etc/twinspan/cloud.opts")
    assert 'dhcp-optsfile="/etc/twinspan/cloud.opts"' in text.splitlines()
    assert WPAD_WARNING in text


@pytest.mark.parametrize("path", ["cloud.opts", "/a\nconf-file=/etc/shadow", ""])
def test_a_path_that_dnsmasq_would_not_find_is_refused(path: str) -> None:
    with pytest.raises(Rejected, match="options file"):
        render_cloud_conf(path)


@given(st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=MAX_PASSWORD))
def test_what_is_written_is_what_a_device_would_take(password: str) -> None:
    if "://" not in password:
        assert decode_password(password.encode()) == Secret(password)
        assert render_cloud_options(None, Secret(password)).count("\n") == 2
