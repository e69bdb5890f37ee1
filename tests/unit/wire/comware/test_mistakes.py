"""Refused lines are counted in what is shown, however it comes in pieces."""

from __future__ import annotations

import pytest

from twinspan.wire.comware.mistakes import MistakeCount

SHOWN = "<gw>clowd\r\n    ^\r\n % Unrecognized command\r\n<gw>ping x\r\n% no\r\n 100 % lost\r\n50 % \r\n %\r\n % \r\n"


@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_a_sentence_that_begins_with_a_percent_sign_is_a_refusal(size: int) -> None:
    count = MistakeCount()
    for at in range(0, len(SHOWN), size):
        count.take(SHOWN[at : at + size])
    assert count.count == 3
