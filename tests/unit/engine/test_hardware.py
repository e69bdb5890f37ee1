"""The seed's hardware table: every row of it, what it does not list, and how devices spell their names."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twinspan.engine.hardware import HardwareVerdict, judge_hardware
from twinspan.model.hardware import HARDWARE_TABLE

GOLDEN = Path(__file__).resolve().parents[2] / "golden" / "hardware" / "table.txt"


def golden_rows() -> list[tuple[str, str, bool]]:
    lines = (line for line in GOLDEN.read_text(encoding="utf-8").splitlines() if line and not line.startswith("#"))
    rows = (line.split(" | ") for line in lines)
    return [(platform, module, {"Yes": True, "No": False}[word]) for platform, module, word in rows]


ROWS = golden_rows()


@pytest.mark.parametrize(("platform", "module", "compatible"), ROWS)
def test_every_row_of_the_table_is_judged_as_listed(platform: str, module: str, compatible: bool) -> None:
    words = "supports" if compatible else "does not support"
    assert judge_hardware(platform, module) == HardwareVerdict(
        admitted=compatible, listed=True, reason=f"{platform} with {module} {words} cloud connections"
    )


def test_the_table_has_the_golden_rows_in_their_number_and_no_other() -> None:
    rows = [(platform, row.module_type, row.compatible) for row in HARDWARE_TABLE for platform in row.platforms]
    assert sorted(rows) == sorted(ROWS)
    assert len({(platform, module) for platform, module, _ in rows}) == len(rows) == 24
    assert sorted({module for platform, module, compatible in rows if compatible}) == [
        "Blade V firewall module", "Blade VI firewall module"
    ]  # fmt: skip


@given(st.sampled_from(ROWS), st.sampled_from(["", "H3C ", "H3C SecPath ", "secpath  "]), st.data())
def test_case_spaces_and_vendor_words_do_not_matter(row, prefix, data):
    def respelled(text: str) -> str:
        text = data.draw(st.sampled_from([text, text.upper(), text.lower(), text.swapcase()]))
        return data.draw(st.sampled_from([text, f"  {text}\n", text.replace(" ", "   "), text.replace(" ", "")]))

    verdict = judge_hardware(prefix + respelled(row[0]), respelled(row[1]))
    assert (verdict.admitted, verdict.listed) == (row[2], True)


@pytest.mark.parametrize("module", ["IPS module", "ips Module", "Intrusion prevention service module"])
def test_the_ips_module_is_known_by_its_short_names(module: str) -> None:
    assert judge_hardware("M9012-S", module).admitted is False


@pytest.mark.parametrize(
    ("platform", "module", "reason"),
    [
        ("Twinspan", "", "platform Twinspan is not in the compatibility table; admitted unlisted"),
        ("M9006", "Blade VI firewall module",
         "platform M9006 with Blade VI firewall module is not in the compatibility table; admitted unlisted"),
        ("M9006", " ",
         "platform M9006 names no module type: it cannot be in the compatibility table; admitted unlisted"),
        ("", "NAT module", "the device names no platform: it cannot be in the compatibility table; admitted unlisted"),
        ("H3C", "NAT module", "platform H3C is not in the compatibility table; admitted unlisted"),
    ],
)  # fmt: skip
def test_what_the_table_does_not_list_is_admitted_with_a_note(platform: str, module: str, reason: str) -> None:
    assert judge_hardware(platform, module) == HardwareVerdict(admitted=True, listed=False, reason=reason)


@pytest.mark.parametrize("platform", ["M9008", "M9008-S-6", "M9000-AI-E1", "M9016", "M9000-X0"])
def test_a_part_of_a_listed_name_is_not_that_name(platform: str) -> None:
    assert judge_hardware(platform, "Blade IV firewall module").listed is False


@given(st.text(max_size=40), st.text(max_size=40))
def test_any_two_texts_get_a_verdict_and_only_listed_ones_are_refused(platform, module):
    verdict = judge_hardware(platform, module)
    assert verdict.reason
    assert verdict.admitted or verdict.listed
