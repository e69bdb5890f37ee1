"""Runs BIRD 2 on this node: keeps it configured, asks it, holds protocols, and reports what its log says.

In: a `DeviceConfig` and the tunnels' kernel devices. Out: `BgpStatus`, `BfdStatus` and `Event`s. BIRD decides BGP and
BFD by itself and lives on without the agent; this driver speaks to its control socket and never forks birdc. Next:
`agent.converge` calls `ensure`, `agent.failover_loop` calls `set_held`.
"""

from __future__ import annotations

import asyncio
import hashlib
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from twinspan.drivers.bird_control import BirdControl
from twinspan.drivers.daemon import (
    Daemon,
    DaemonFailed,
    Program,
    accepts,
    make_private_dir,
    write_private,
)
from twinspan.drivers.log_tail import LogTail
from twinspan.model.device_config import BgpPeer, DeviceConfig
from twinspan.model.device_report import BfdStatus, BgpStatus, DaemonStatus, Event
from twinspan.wire.bird import render_bird, with_disabled
from twinspan.wire.bird_names import export_switches, import_switches, session_name, symbol, table_name
from twinspan.wire.bird_session import admitted
from twinspan.wire.bird_text import (
    LogReader,
    ProtocolState,
    parse_bfd_sessions,
    parse_protocols,
    parse_route_count,
)

BIRD = Program(name="bird", executable=Path("/usr/sbin/bird"), package="bird2")
_START_S = 5.0
_UNKNOWN = ProtocolState(name="", state="down", since="", bgp_state="Idle")


class BirdDriver:
    """BIRD of one node. All methods may be called at any time; what changes it is done one at a time."""

    def __init__(self, run_dir: Path, on_event: Callable[[Event], None], node: str) -> None:
        self._dir, self._on_event, self._node = run_dir, on_event, node
        self._daemon = Daemon(BIRD, run_dir, self._died)
        self._control = BirdControl(run_dir / "bird.ctl")
        self._tail = LogTail(run_dir / "bird.log", LogReader(node), on_event)
        self._lock = asyncio.Lock()
        self._held: dict[str, bool] = {}
        self._blocked: frozenset[str] = frozenset()
        self._strays: frozenset[str] = frozenset()
        """Protocols that somebody else has disabled, at the last look."""

    @property
    def restarts(self) -> int:
        return self._daemon.restarts

    @property
    def alive(self) -> bool:
        return self._daemon.alive

    @property
    def pid(self) -> int | None:
        return self._daemon.pid

    def daemons(self) -> tuple[DaemonStatus, ...]:
        """For the report; empty on a node that never had BGP."""
        if not self._daemon.seen:
            return ()
        return (DaemonStatus(name="bird", pid=self.pid, restarts=self.restarts),)

    async def ensure(self, config: DeviceConfig, devices: Mapping[str, str]) -> list[str]:
        """Bring BIRD to `config`; what was done in words, nothing if it was so already.

        Raises `DaemonMissing`, `DaemonFailed` if BIRD refuses the text (the old configuration stays), `Rejected` for a
        key that cannot be written down.
        """
        async with self._lock:
            if config.bgp is None:
                return await self._end()
            text = render_bird(config, devices, log_path=str(self._dir / "bird.log"))
            make_private_dir(self._dir)
            if not self._daemon.adopt():
                return await self._start(text)
            await self._begin(config)
            if self._loaded == self._identity(text):
                return [*await self._enable_strays(), *await self._admit_blocked()]
            await self._replace(text)
            reply = await self._control.ask(f'configure "{self._dir / "bird.conf"}"')
            if reply.failed:
                raise DaemonFailed(f"bird refused its new configuration: {reply.text}", delay_s=5.0)
            await self._settle(text)
            return ["bird reconfigured"]

    async def observe(self, config: DeviceConfig) -> tuple[list[BgpStatus], list[BfdStatus]]:
        """Sessions as BIRD sees them; all Idle, with the reason, while it does not run or does not answer."""
        peers = config.bgp.peers if config.bgp else ()
        if not peers or not self.alive:
            return _unseen(config, "bird is not running"), []
        try:
            return await self._look(config, peers)
        except DaemonFailed as failed:
            return _unseen(config, failed.message), []

    async def _look(self, config: DeviceConfig, peers: tuple[BgpPeer, ...]) -> tuple[list[BgpStatus], list[BfdStatus]]:
        protocols = parse_protocols(await self._control.ask("show protocols all"))
        self._strays = frozenset(n for n, p in protocols.items() if p.state == "down" and not self._held.get(n))
        bfd = []
        if any(p.bfd for p in peers):
            bfd = parse_bfd_sessions(await self._control.ask("show bfd sessions"))
        dropped = {p.name: await self._over_quota(p, protocols) for p in peers}
        self._blocked = frozenset(
            p.name
            for p in peers
            if dropped[p.name] and protocols[session_name(p.name)].imported < (p.import_limit or 0)
        )
        return [_status(config, p, protocols, dropped[p.name], "") for p in peers], bfd

    async def set_held(self, protocols: Mapping[str, bool]) -> list[str]:
        """Disable (True) or enable protocols by name where that differs; those changed, in words.

        It is remembered and done again when BIRD starts or is configured anew, before a session can come up. A BIRD
        that does not answer is an event, not an error: the caller has more urgent things to do than to wait for it.
        """
        async with self._lock:
            self._held = dict(protocols)
            try:
                return await self._hold() if self.alive else []
            except DaemonFailed as failed:
                self._tell("bird does not answer", failed.message)
                return []

    async def restart_session(self, peer: str) -> None:
        """End the session with `peer` and open it again."""
        reply = await self._control.ask(f"restart {session_name(peer)}")
        if reply.failed:
            raise DaemonFailed(f"bird cannot restart the session with {peer}: {reply.text}", delay_s=1.0)

    async def stop(self) -> None:
        """End BIRD; it takes its kernel routes with it."""
        async with self._lock:
            await self._end()

    async def close(self) -> None:
        """The agent goes, BIRD stays."""
        self._tail.close()
        self._control.close()
        self._daemon.close()

    def flush_kernel_routes(self) -> None:
        """Remove what a killed BIRD left in the kernel, so that traffic falls to the standby now.

        It blocks for some milliseconds on purpose: nothing in this process is more urgent then.
        """
        for family in ("-4", "-6"):
            subprocess.run(
                ["ip", family, "route", "flush", "table", "all", "proto", "bird"], check=False, capture_output=True
            )

    # ---------------------------------------------------------------------------------------------------- inside

    @property
    def _loaded(self) -> str:
        """Identity of what the running BIRD has read; kept in a file, for the next agent asks too."""
        try:
            return (self._dir / "bird.loaded").read_text()
        except FileNotFoundError:
            return ""

    def _identity(self, text: str) -> str:
        return f"{self._daemon.pid} {hashlib.sha256(text.encode()).hexdigest()}\n"

    async def _begin(self, config: DeviceConfig) -> None:
        """First sight of a BIRD that an earlier agent started: what it holds stays held."""
        if self._tail.running:
            return
        self._tail.start()
        spans = {p.span for p in (config.bgp.peers if config.bgp else ()) if p.span}
        switches = {n for span in spans for n in (*import_switches(config, span), *export_switches(config, span))}
        protocols = parse_protocols(await self._control.ask("show protocols"))
        held = {name: True for name in switches if name in protocols and protocols[name].disabled}
        self._held = {**held, **self._held}

    async def _start(self, text: str) -> list[str]:
        self._control.close()
        self.flush_kernel_routes()
        await self._replace(text)
        again = self._daemon.seen
        conf, socket = self._dir / "bird.conf", self._dir / "bird.ctl"
        socket.unlink(missing_ok=True)
        self._tail.start()
        self._daemon.start([str(BIRD.executable), "-f", "-c", str(conf), "-s", str(socket)])
        await self._daemon.wait_ready(lambda: accepts(socket), _START_S, self._dir / "bird.log")
        await self._settle(text)
        return ["bird restarted" if again else "bird started"]

    async def _replace(self, text: str) -> None:
        """Put `text` in place of bird.conf if BIRD can read it."""
        new = self._dir / "bird.conf.new"
        write_private(new, with_disabled(text, (name for name, held in self._held.items() if held)))
        if not BIRD.executable.exists():
            return  # starting will say so
        process = await asyncio.create_subprocess_exec(
            str(BIRD.executable), "-p", "-c", str(new), stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        output, _ = await process.communicate()
        if process.returncode:
            raise DaemonFailed(f"bird cannot read its new configuration: {output.decode().strip()}", delay_s=5.0)
        new.replace(self._dir / "bird.conf")

    async def _settle(self, text: str) -> None:
        await self._hold()
        self._daemon.make_realtime()
        write_private(self._dir / "bird.loaded", self._identity(text))

    async def _hold(self) -> list[str]:
        """BIRD answers "disabled" (0009) or "enabled" (0011) only where that is news."""
        changed = []
        for name, held in self._held.items():
            reply = await self._control.ask(f"{'disable' if held else 'enable'} {symbol(name)}")
            changed += [line for line in reply.lines if line.endswith((": disabled", ": enabled"))]
        return changed

    async def _over_quota(self, peer: BgpPeer, protocols: Mapping[str, ProtocolState]) -> int:
        """How many routes of `peer` the quota keeps out now: filtered ones that the import filter would admit."""
        state = protocols.get(session_name(peer.name), _UNKNOWN)
        if peer.import_limit is None or not state.over_limit or state.bgp_state != "Established":
            return 0
        of = f"table {symbol(table_name(peer))} protocol {state.name}"
        return parse_route_count(await self._control.ask(f"show route filtered {of} where {admitted(peer)} count"))

    async def _admit_blocked(self) -> list[str]:
        """BIRD's blocking import limit does not open again when routes go; asking for a refresh opens it."""
        blocked, self._blocked = self._blocked, frozenset()
        for peer in sorted(blocked):
            await self._control.ask(f"reload in {session_name(peer)}")
        return [f"asked {peer} for its routes again: its quota has room" for peer in sorted(blocked)]

    async def _enable_strays(self) -> list[str]:
        """What is down without being held was disabled by hand; news only if it still is."""
        strays, self._strays = self._strays, frozenset()
        done = []
        for name in sorted(strays):
            if not self._held.get(name):
                reply = await self._control.ask(f"enable {symbol(name)}")
                done += [line for line in reply.lines if line.endswith(": enabled")]
        return done

    async def _end(self) -> list[str]:
        if not self._daemon.adopt():
            return []
        self._control.close()
        await self._daemon.stop()
        self._tail.close()
        return ["bird stopped"]

    def _died(self) -> None:
        self._control.close()
        self.flush_kernel_routes()
        self._tail.poll()
        self._tell("bird died")

    def _tell(self, what: str, detail: str = "") -> None:
        self._on_event(Event(at_ns=time.time_ns(), node=self._node, source="daemon", what=what, detail=detail))


def _unseen(config: DeviceConfig, why: str) -> list[BgpStatus]:
    return [_status(config, peer, {}, 0, why) for peer in (config.bgp.peers if config.bgp else ())]


def _status(
    config: DeviceConfig, peer: BgpPeer, protocols: Mapping[str, ProtocolState], dropped: int, error: str
) -> BgpStatus:
    state = protocols.get(session_name(peer.name), _UNKNOWN)

    def held(switches: list[str]) -> bool:
        return any(protocols[name].disabled for name in switches if name in protocols)

    return BgpStatus(
        peer=peer.name,
        peer_address=peer.peer_address,
        state=state.bgp_state,
        since=state.since,
        imported=state.imported,
        exported=state.exported,
        dropped=dropped,
        updates_received=state.received,
        updates_sent=state.sent,
        last_error=error or state.last_error,
        span=peer.span,
        import_held=peer.span is not None and held(import_switches(config, peer.span)),
        export_held=peer.span is not None and held(export_switches(config, peer.span)),
    )
