"""One charon: strongSwan's IKE daemon for one tunnel.

In: an `IpsecTunnel`. Out: its device, its SAs, events. Next: `drivers.strongswan` keeps one of these for each tunnel.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from twinspan.drivers.clock import pause
from twinspan.drivers.daemon import Daemon, DaemonFailed, Program, accepts, make_private_dir, write_private
from twinspan.drivers.receive_buffer import enlarge_receive_buffers
from twinspan.drivers.vici_client import ViciClient
from twinspan.model.device_config import IpsecTunnel
from twinspan.model.device_report import DaemonStatus, Event, TunnelStatus
from twinspan.model.secret import encode_hook
from twinspan.wire.swanctl import (
    EVENTS,
    Message,
    connection,
    render_strongswan_conf,
    shared_secret,
    tunnel_status,
    updown_event,
)

CHARON = Program(name="charon", executable=Path("/usr/lib/ipsec/charon"), package="strongswan-charon")
_START_S = 5.0
_RECEIVE_BUFFER_BYTES = 4 << 20
"""Some three thousand small packets: a pause of charon becomes a delay, no loss."""
_LOG_LIMIT_BYTES = 1_000_000
_ASK_S, _ASK_MAX_S = 0.5, 3.0
"""charon repeats by itself what nobody answers, but not what was refused, as by a peer that has not loaded its
connection yet: it is asked again after the first, doubled up to the second."""
_PRIVATE_RUN = (
    'case "$2" in /run/*) mkdir -p "$1/${2#/run/}" && mount --bind "$2" "$1/${2#/run/}";; esac '
    '&& mount --rbind "$1" /run && exec "$0"'
)
"""charon's pid file, /run/charon.pid, is compiled in; a mount namespace gives each its own. If our own directory lies
below /run as well, it is bound into the private one, or charon could not see its own files."""


class Charon:
    """Start, adopt, load, ask, stop; the device exists as long as it runs."""

    def __init__(self, run_dir: Path, name: str, on_event: Callable[[Event], None], node: str) -> None:
        self._dir, self._name, self._on_event, self._node = run_dir, name, on_event, node
        self._daemon = Daemon(CHARON, run_dir, self._died)
        self._vici = ViciClient(run_dir / "charon.vici")
        self._listening = False
        self._asking: asyncio.Task[None] | None = None
        """Sees to it that the tunnel comes up; only where this end initiates, and only until it is up."""

    @property
    def alive(self) -> bool:
        return self._daemon.alive

    @property
    def status(self) -> DaemonStatus:
        return DaemonStatus(name=f"charon {self._name}", pid=self._daemon.pid, restarts=self._daemon.restarts)

    @property
    def device(self) -> str | None:
        """The TUN device it holds open, by the kernel's own word."""
        pid = self._daemon.pid
        return _tun_device(Path(f"/proc/{pid}")) if pid is not None else None

    async def ensure(self, tunnel: IpsecTunnel) -> list[str]:
        """Bring it to `tunnel`; what was done in words. Raises `DaemonMissing`, `DaemonFailed`."""
        make_private_dir(self._dir / "run")
        conf = render_strongswan_conf(tunnel)
        done = []
        if self._daemon.adopt() and self._read("strongswan.conf") != conf:
            await self.stop()
        if not self.alive:
            done.append(await self._start(conf))
        await self._listen()
        self._bound_log()
        if self._read("loaded") != self._identity(tunnel):
            await self._load(tunnel)
            done.append(f"tunnel {self._name} loaded")
        if tunnel.initiate:
            self._keep_asking()
        return done

    async def observe(self) -> TunnelStatus:
        """Its SAs as charon lists them; all down while it does not run or does not answer."""
        sas: list[Message] = []
        if self.alive:
            with contextlib.suppress(DaemonFailed):
                sas = await self._sas()
        return tunnel_status(self._name, self.device, sas)

    async def initiate(self) -> None:
        """Bring the tunnel up and wait for it. Raises `DaemonFailed` with charon's reason."""
        await self._vici.command(
            "initiate", {"ike": self._name, "child": self._name, "timeout": "4000"}, deadline_s=_START_S
        )

    async def terminate(self) -> None:
        """Take the tunnel down and tell the peer; nothing to do without an SA."""
        if await self._sas():
            await self._vici.command("terminate", {"ike": self._name, "timeout": "1500", "force": "yes"})

    async def stop(self) -> None:
        """End it; SIGTERM makes it tell the peer first."""
        self._listening = False
        self._stop_asking()
        self._vici.close()
        if self._daemon.adopt():
            await self._daemon.stop()

    def close(self) -> None:
        """The agent goes, charon stays."""
        self._listening = False
        self._stop_asking()
        self._vici.close()
        self._daemon.close()

    # ---------------------------------------------------------------------------------------------------- inside

    async def _start(self, conf: str) -> str:
        again, socket, log = self._daemon.seen, self._dir / "charon.vici", self._dir / "charon.log"
        for stale in (socket, log, self._dir / "run/charon.pid", self._dir / "loaded"):
            stale.unlink(missing_ok=True)
        write_private(self._dir / "strongswan.conf", conf)
        shell = ["sh", "-c", _PRIVATE_RUN, str(CHARON.executable), str(self._dir / "run"), str(self._dir)]
        self._listening = False
        self._daemon.start(["unshare", "--mount", *shell], {"STRONGSWAN_CONF": str(self._dir / "strongswan.conf")})
        await self._daemon.wait_ready(lambda: accepts(socket) and self.device is not None, _START_S, log)
        if self._daemon.pid is not None:
            enlarge_receive_buffers(self._daemon.pid, _RECEIVE_BUFFER_BYTES)
        return f"charon of tunnel {self._name} {'restarted' if again else 'started'}"

    async def _load(self, tunnel: IpsecTunnel) -> None:
        """Load key and connection; with another key or proposal the old SAs must go first.

        The old connection goes too: charon acts on `start_action` only where the connection is new to it.
        """
        self._stop_asking()
        await self.terminate()
        if self._name in (await self._vici.command("get-conns")).get("conns", []):
            await self._vici.command("unload-conn", {"name": self._name})
        await self._vici.command("load-shared", shared_secret(tunnel))
        await self._vici.command("load-conn", connection(tunnel))
        write_private(self._dir / "loaded", self._identity(tunnel))

    async def _listen(self) -> None:
        if not self._listening:
            try:
                await self._vici.listen(EVENTS, self._heard)
            except OSError as error:
                raise DaemonFailed(f"cannot listen to charon of tunnel {self._name}: {error}", delay_s=0.5) from error
            self._listening = True

    def _heard(self, kind: str, message: Message) -> None:
        event = updown_event(kind, message, at_ns=time.time_ns(), node=self._node)
        if event is not None:
            self._on_event(event)

    def _keep_asking(self) -> None:
        if self._asking is None or self._asking.done():
            self._asking = asyncio.get_running_loop().create_task(self._ask_until_up(), name=f"charon {self._name}")

    def _stop_asking(self) -> None:
        if self._asking is not None:
            self._asking.cancel()
            self._asking = None

    async def _ask_until_up(self) -> None:
        """Initiate whenever there is no SA at all; over when one is established. `ensure` begins it again later."""
        delay_s = _ASK_S
        while True:
            await pause(delay_s)
            delay_s = min(2 * delay_s, _ASK_MAX_S)
            with contextlib.suppress(DaemonFailed):  # it does not answer, or has died: whoever watches it says so
                status = tunnel_status(self._name, None, await self._sas())
                if status.ike_state == "ESTABLISHED" and status.child_state == "INSTALLED":
                    return
                if status.ike_state == "down":
                    # A timeout of -1 does not wait for the result, which comes as an event.
                    await self._vici.command("initiate", {"ike": self._name, "child": self._name, "timeout": "-1"})

    async def _sas(self) -> list[Message]:
        return await self._vici.stream("list-sas", "list-sa")

    def _bound_log(self) -> None:
        """charon appends and never rotates, and a peer that is away makes it talk every second."""
        log = self._dir / "charon.log"
        if log.exists() and log.stat().st_size > _LOG_LIMIT_BYTES:
            os.truncate(log, 0)

    def _identity(self, tunnel: IpsecTunnel) -> str:
        saved = msgspec.json.encode(tunnel, enc_hook=encode_hook)
        return f"{self._daemon.pid} {hashlib.sha256(saved).hexdigest()}\n"

    def _read(self, name: str) -> str:
        try:
            return (self._dir / name).read_text()
        except FileNotFoundError:
            return ""

    def _died(self) -> None:
        self._listening = False
        self._vici.close()
        self._on_event(
            Event(at_ns=time.time_ns(), node=self._node, source="daemon", what="charon died", detail=self._name)
        )


def _tun_device(process: Path) -> str | None:
    for entry in process.glob("fd/*"):
        with contextlib.suppress(OSError):  # closed since it was listed
            if str(entry.readlink()) == "/dev/net/tun":
                lines = (process / "fdinfo" / entry.name).read_text().splitlines()
                return next((line.split()[1] for line in lines if line.startswith("iff:")), None)
    return None
