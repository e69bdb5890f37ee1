"""All IPsec tunnels of this node: one charon for each.

In: a `DeviceConfig`. Out: the tunnels' kernel devices, `TunnelStatus` and `Event`s. Addresses and routes on the devices
are the agent's business. Next: `agent.converge` calls `ensure` and hands `devices()` to whoever routes over them.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from pathlib import Path

from twinspan.drivers.charon import Charon
from twinspan.model.device_config import DeviceConfig
from twinspan.model.device_report import DaemonStatus, Event, TunnelStatus
from twinspan.model.errors import Rejected


class StrongswanDriver:
    """Tunnels by name. What starts or stops a charon is done one at a time, all tunnels in parallel."""

    def __init__(self, run_dir: Path, on_event: Callable[[Event], None], node: str) -> None:
        self._dir, self._on_event, self._node = run_dir, on_event, node
        self._charons: dict[str, Charon] = {}
        self._lock = asyncio.Lock()

    def devices(self) -> dict[str, str]:
        """Kernel device of each tunnel whose charon runs."""
        found = ((name, charon.device) for name, charon in self._charons.items())
        return {name: device for name, device in found if device is not None}

    def daemons(self) -> tuple[DaemonStatus, ...]:
        """For the report."""
        return tuple(charon.status for charon in self._charons.values())

    async def ensure(self, config: DeviceConfig) -> list[str]:
        """Bring every tunnel to `config` and end those it does not name; what was done in words.

        Raises `DaemonMissing`, `DaemonFailed`; the other tunnels are brought up all the same.
        """
        async with self._lock:
            wanted = {tunnel.name: tunnel for tunnel in config.tunnels}
            done = await self._end(self._known() - set(wanted))
            results = await asyncio.gather(
                *(self._charon(name).ensure(tunnel) for name, tunnel in wanted.items()), return_exceptions=True
            )
            for result in results:
                if isinstance(result, BaseException):
                    raise result
                done += result
            return done

    async def observe(self, config: DeviceConfig) -> list[TunnelStatus]:
        """State of every tunnel that `config` names."""
        return list(await asyncio.gather(*(self._charon(tunnel.name).observe() for tunnel in config.tunnels)))

    async def initiate(self, tunnel: str) -> None:
        """Bring one tunnel up and wait for it. Raises `DaemonFailed` with the reason."""
        await self._charon(tunnel).initiate()

    async def terminate(self, tunnel: str) -> None:
        """Take one tunnel's SAs down, as an operator's reset does; the initiator brings them up again."""
        await self._charon(tunnel).terminate()

    async def stop(self) -> None:
        """End all charons; their devices go with them."""
        async with self._lock:
            await self._end(self._known())

    async def close(self) -> None:
        """The agent goes, the tunnels stay."""
        for charon in self._charons.values():
            charon.close()

    def _charon(self, name: str) -> Charon:
        if not re.fullmatch(r"[\w.-]{1,40}", name, re.ASCII) or name.startswith("."):
            raise Rejected(
                f"tunnels: name {name!r} cannot be a file name",
                remedy="use at most 40 letters, digits, underscores, points and hyphens",
            )
        if name not in self._charons:
            self._charons[name] = Charon(self._dir / name, name, self._on_event, self._node)
        return self._charons[name]

    def _known(self) -> set[str]:
        """Tunnels with a charon that runs or may run: this object's, and those an earlier agent left."""
        left = {path.parent.name for path in self._dir.glob("*/charon.pid")}
        return left | set(self._charons)

    async def _end(self, names: set[str]) -> list[str]:
        done = []
        for name in sorted(names):
            charon = self._charon(name)
            await charon.stop()
            charon.close()
            del self._charons[name]
            done.append(f"charon of tunnel {name} ended")
        return done
