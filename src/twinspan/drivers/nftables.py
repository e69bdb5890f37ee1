"""Keeps Twinspan's one nftables table on this node as its config asks.

In: a `DeviceConfig` and the tunnels' kernel devices. Out: the table `inet twinspan`, replaced in one transaction, and
what was done in words. Other tables are not touched. Next: `agent.converge` calls `ensure`.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping

from twinspan.drivers.command import run_command
from twinspan.model.device_config import DeviceConfig
from twinspan.model.errors import Retryable, Unavailable
from twinspan.wire.nftables import REMOVE, TABLE, render_nftables


class NftablesFailed(Retryable):
    """nft refused the table; the text is its own reason."""


class NftablesDriver:
    """Acts on the network namespace of the calling process."""

    def __init__(self) -> None:
        self._applied = ""
        self._listed: str | None = None
        """The kernel's own print of the table right after it was applied; it differs once somebody changes a rule."""

    async def ensure(self, config: DeviceConfig, devices: Mapping[str, str]) -> list[str]:
        """Bring the table to `config`; what was done in words, nothing if it was so already.

        Raises `Unavailable` without nft, `NftablesFailed` if it refuses, `Rejected` for an impossible device name.
        """
        text = render_nftables(config, devices)
        if not text:
            return await self._remove()
        if text == self._applied and self._listed is not None and await _listing() == self._listed:
            return []
        await _nft("-f", "-", text=text)
        self._applied, self._listed = text, await _listing()
        return ["packet filter applied"]

    async def _remove(self) -> list[str]:
        self._applied, self._listed = "", None
        if shutil.which("nft") is None or await _listing() is None:
            return []
        await _nft("-f", "-", text=REMOVE)
        return ["packet filter removed"]


async def _listing() -> str | None:
    """The table as the kernel has it; None if there is none."""
    try:
        return await _nft("list", "table", *TABLE.split())
    except NftablesFailed:
        return None


async def _nft(*arguments: str, text: str = "") -> str:
    try:
        finished = await run_command("nft", *arguments, text=text)
    except FileNotFoundError as error:
        raise Unavailable("nft is not installed: no packet filter", remedy="apt-get install nftables") from error
    if finished.returncode:
        raise NftablesFailed(f"nft refused: {' '.join(finished.errors.split())[:300]}", delay_s=5.0)
    return finished.output
