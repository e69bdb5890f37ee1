"""wire.comware.session: views, prompts, keys, questions, paging, answers."""

from __future__ import annotations

import pytest
from msgspec import structs
from tests.unit.wire.comware.terminal import OpenCipher, Terminal, gateway_of

from twinspan.model.device_access import DeviceAccess
from twinspan.wire.comware.effects import Display, Interrupt, Ping, Quit, Save
from twinspan.wire.comware.line_editor import MAX_LINE
from twinspan.wire.comware.parse import blank_config, parse
from twinspan.wire.comware.render import render
from twinspan.wire.comware.session import MAX_AHEAD, Session


def test_the_prompt_tells_the_view(fresh: Terminal) -> None:
    prompts = [fresh.session.prompt]
    for line in ("system-view", "interface GigabitEthernet1/0/1", "bgp 65001", "address-family ipv4", "quit", "quit"):
        fresh.line(line)
        prompts.append(fresh.session.prompt)
    assert prompts == [
        "<gateway>",
        "[gateway]",
        "[gateway-GigabitEthernet1/0/1]",
        "[gateway-bgp-default]",
        "[gateway-bgp-default-ipv4]",
        "[gateway-bgp-default]",
        "[gateway]",
    ]


def test_a_prompt_has_only_what_public_clients_know_in_prompts(system: Terminal) -> None:
    system.line('sysname "branch office 7"')
    system.line('nqa entry admin "circuit: far end, and a very long name that would not fit at all"')
    assert system.session.prompt == "[branch_office_7-nqa-admin-circuit:_far_end__and_a_very_long_name]"
    assert len(system.session.prompt) <= 66


def test_return_and_ctrl_z_lead_to_user_view_from_everywhere(fresh: Terminal) -> None:
    for leave in ("return\r", "\x1a"):
        fresh.lines("system-view", "bgp 65001", "address-family ipv4")
        fresh.keys(leave)
        assert fresh.session.prompt == "<gateway>"


def test_quit_from_user_view_ends_the_session_and_nothing_is_heard_after_it(fresh: Terminal) -> None:
    fresh.line("quit")
    assert fresh.effects == [Quit()]
    assert fresh.keys("display version\r") == ""


def test_a_line_of_another_view_leads_there_so_that_a_text_can_be_pasted(system: Terminal) -> None:
    system.line("interface GigabitEthernet1/0/1")
    assert system.line("bgp 65001") == ""
    assert system.session.prompt == "[gateway-bgp-default]"


def test_a_display_is_asked_of_the_shell_and_its_answer_shown(fresh: Terminal) -> None:
    fresh.keys("display clock\r")
    assert fresh.effects == [Display(topic="clock")]
    assert fresh.answer("10:00:00 UTC\n") == "10:00:00 UTC\n<gateway>"


def test_what_is_typed_meanwhile_is_carried_out_afterwards(fresh: Terminal) -> None:
    fresh.keys("display clock\rdisplay version\rsystem-view\r")
    assert fresh.effects == [Display(topic="clock")]
    fresh.answer("10:00\n")
    assert fresh.effects == [Display(topic="clock"), Display(topic="version")]
    fresh.answer("1.0\n")
    assert fresh.session.prompt == "[gateway]"


def test_a_long_paste_meanwhile_is_carried_out_without_nesting(fresh: Terminal) -> None:
    fresh.keys("display clock\r" + "#\r" * 20_000)
    assert fresh.answer("10:00\n").endswith("<gateway>")


def test_what_is_typed_beyond_all_measure_rings_the_bell(fresh: Terminal) -> None:
    fresh.keys("display clock\r")
    assert fresh.keys("x" * (MAX_AHEAD + 5)) == "\a" * 5


def test_ctrl_c_interrupts_the_shell_and_forgets_what_was_typed_ahead(fresh: Terminal) -> None:
    fresh.keys("ping 192.0.2.1\rdisplay version\r")
    fresh.keys("\x03")
    assert fresh.effects == [Ping(destination="192.0.2.1"), Interrupt()]
    fresh.answer("interrupted\n")
    assert len(fresh.effects) == 2


def test_an_answer_in_pieces_is_shown_as_it_comes(fresh: Terminal) -> None:
    fresh.keys("ping 192.0.2.1\r")
    assert fresh.answer("one\n", last=False) == "one\n"
    assert fresh.answer("two\n", last=True) == "two\n<gateway>"


def test_an_answer_that_nobody_waits_for_is_dropped(fresh: Terminal) -> None:
    assert fresh.answer("surprise\n") == ""


def test_a_filter_sees_the_whole_answer_however_it_is_cut(fresh: Terminal) -> None:
    fresh.keys("display arp | begin two\r")
    assert fresh.answer("one\ntw", last=False) == ""
    assert fresh.answer("o\nthree\n") == "two\nthree\n<gateway>"


def test_save_asks_and_does_nothing_on_no(fresh: Terminal) -> None:
    assert "Are you sure? [Y/N]:" in fresh.keys("save\r")
    fresh.keys("n\r")
    assert fresh.effects == []
    fresh.keys("save\ry\r")
    assert fresh.effects == [Save()]


def test_save_force_does_not_ask(fresh: Terminal) -> None:
    fresh.keys("save force\r")
    assert fresh.effects == [Save()]


def test_a_question_may_be_left_with_ctrl_c(fresh: Terminal) -> None:
    fresh.keys("save\r")
    assert fresh.keys("\x03") == "^C\n<gateway>"
    fresh.keys("y\r")
    assert fresh.effects == []


def test_long_output_stops_at_the_screens_end_and_goes_on_by_page_and_line(gateway: Terminal) -> None:
    first = gateway.line("display current-configuration")
    assert first.count("\n") == 23
    assert first.endswith("---- More ----")
    assert gateway.keys(" ").count("\n") == 23
    assert gateway.keys("\r").count("\n") == 1
    assert gateway.keys("q").endswith("[gateway]")


def test_without_a_screen_length_all_of_it_comes_at_once(gateway: Terminal) -> None:
    gateway.keys("return\rscreen-length disable\r")
    assert "More" not in gateway.line("display current-configuration")
    gateway.line("undo screen-length disable")
    assert "More" in gateway.line("display current-configuration")


def test_an_answer_is_paged_and_the_prompt_waits_for_its_end(fresh: Terminal) -> None:
    fresh.keys("display arp\r")
    assert fresh.answer("line\n" * 30).endswith("---- More ----")
    assert fresh.keys(" ").endswith("<gateway>")


@pytest.mark.parametrize(
    ("keys", "line"),
    [
        ("quix\x08t\r", "quit"),
        ("qut\x1b[Di\r", "quit"),
        ("uit\x01q\r", "quit"),
        ("it\x1b[Hqu\x05\r", "quit"),
        ("quitxx\x1b[D\x1b[D\x0b\r", "quit"),
        ("xx quit\x17quit\x02\x02\x02\x02\x15\r", "quit"),
        ("nonsense\x15quit\r", "quit"),
        ("quxit\x02\x02\x02\x1b[3~\r", "quit"),
        ("qu\tit\x7f\x7f\r", "quit"),
    ],
)
def test_a_line_can_be_edited(fresh: Terminal, keys: str, line: str) -> None:
    fresh.keys(keys)
    assert fresh.effects == [Quit()], line


def test_history_is_walked_with_the_arrows_and_the_line_begun_is_kept(fresh: Terminal) -> None:
    fresh.lines("system-view", "return")
    fresh.keys("qui\x1b[A\x1b[A\x1b[B\x1b[B")
    fresh.keys("t\r")
    assert fresh.effects == [Quit()]


@pytest.mark.parametrize(
    "line",
    [
        "cloud-management server password simple s3cret",
        "cloud-management server password s s3cret",
        'cloud-management server pasword simple "s3cret"',
        "cloud-management server password cipher s3cret",
    ],
)
def test_no_secret_stays_in_the_history(system: Terminal, line: str) -> None:
    system.line(line)
    assert "s3cret" not in system.line("display history-command")


def test_a_change_is_told_without_its_secret(system: Terminal) -> None:
    system.line("cloud-management server password simple s3cret")
    assert system.changes == ["cloud-management server password cipher ******"]


def test_a_secret_is_shown_encrypted_only(system: Terminal) -> None:
    system.line("cloud-management server password simple s3cret")
    shown = system.line("display this")
    assert "s3cret" not in shown
    assert b"s3cret".hex() in shown


def test_tab_completes_a_word_and_walks_through_several(fresh: Terminal) -> None:
    assert "display " in fresh.keys("dis\t")
    fresh.keys("\x15")
    assert [fresh.keys("s\t"), fresh.keys("\t"), fresh.keys("\t"), fresh.keys("\t")] == [
        "s\bsave",
        "\b\b\b\bscreen-length",
        "\b" * 13 + "system-view  \b\b",
        "\b" * 11 + "save       " + "\b" * 7,
    ]


def test_a_question_mark_in_quotes_is_a_character(system: Terminal) -> None:
    system.keys('sysname "why?"\r')
    assert system.config.access == DeviceAccess(sysname="why?")


def test_help_after_a_mistake_marks_the_mistake(fresh: Terminal) -> None:
    assert fresh.keys("display nonsense x ?") == (
        "display nonsense x ?\n                 ^\n % Unrecognized command found at '^' position.\n"
        "<gateway>display nonsense x "
    )


def test_line_ends_of_every_kind_are_one_enter(fresh: Terminal) -> None:
    for end in ("\r", "\n", "\r\n", "\r\x00"):
        assert fresh.keys(f"#{end}") == "#\n<gateway>"


def test_a_character_and_an_arrow_may_arrive_in_pieces(system: Terminal) -> None:
    for piece in (b'sysname "b\xc3', b'\xbcro"', b"\x1b", b"[", b"D", b"\x1b[C", b"\r"):
        system.keys(piece)
    assert system.config.access == DeviceAccess(sysname="büro")


def test_a_line_has_an_end(fresh: Terminal) -> None:
    shown = fresh.keys("x" * (MAX_LINE + 10))
    assert shown.count("x") == MAX_LINE
    assert shown.count("\a") == 10


def test_somebody_elses_change_is_seen_and_a_view_that_is_gone_is_left(gateway: Terminal) -> None:
    gateway.line("interface Tunnel1")
    gateway.session.update(structs.replace(gateway.config, tunnels=(), routes=(), probes=(), failover=None))
    assert gateway.session.prompt == "[gateway]"
    assert "Tunnel1" not in gateway.session.draft


def test_a_new_generation_leaves_half_typed_things_alone(system: Terminal) -> None:
    system.lines("interface Tunnel7", "source 192.0.2.1")
    system.session.update(structs.replace(system.config, generation=5))
    assert "source 192.0.2.1" in system.session.draft
    assert "generation 5" in system.session.draft
    assert system.session.prompt == "[gateway-Tunnel7]"


def test_half_typed_things_outlive_the_session_in_its_draft(system: Terminal) -> None:
    system.lines("interface Tunnel7", "source 192.0.2.1")
    later = Session(system.config, OpenCipher(), draft=system.session.draft)
    assert later.draft == system.session.draft
    assert later.config == system.config


def test_a_text_pasted_into_a_fresh_gateway_makes_the_same_config(fresh: Terminal) -> None:
    config = gateway_of("02-two-tunnels-dual-tunnel")
    fresh.lines("system-view", *render(config, OpenCipher()).text.splitlines(), "return")
    assert fresh.config == config
    assert "%" not in fresh.screen


def test_indentation_and_quits_make_no_difference(fresh: Terminal) -> None:
    config = gateway_of("01-two-spans-site")
    text = render(config, OpenCipher()).text
    assert parse(text.replace("\n ", "\n").replace("\n ", "\n"), OpenCipher(), blank_config()).config == config


def test_the_session_keeps_a_configs_whole_while_one_line_changes(gateway: Terminal) -> None:
    before = gateway.config
    gateway.line("dns server 192.0.2.53")
    assert gateway.config == structs.replace(before, resolvers=("192.0.2.53",))
    gateway.line("undo dns server 192.0.2.53")
    assert gateway.config == before
