"""Terminals at a gateway as made, and at that of the first example."""

from __future__ import annotations

import pytest
from tests.unit.wire.comware.terminal import OpenCipher, Terminal, gateway_of

from twinspan.wire.comware.parse import blank_config


@pytest.fixture
def cipher() -> OpenCipher:
    return OpenCipher()


@pytest.fixture
def fresh() -> Terminal:
    """A gateway as made, in user view."""
    return Terminal(blank_config())


@pytest.fixture
def system(fresh: Terminal) -> Terminal:
    """A gateway as made, in system view."""
    fresh.line("system-view")
    return fresh


@pytest.fixture
def gateway() -> Terminal:
    """The gateway of the first example, in system view."""
    terminal = Terminal(gateway_of("01-two-spans-site"))
    terminal.line("system-view")
    return terminal
