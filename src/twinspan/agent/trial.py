"""A config of the cloud server on trial: staged on disk, applied, watched, kept or taken back.

In: pushes and decisions of the server, the time, what the node sees. Out: the running config; what to tell the server
(`Tried`). What follows when is decided in `engine.trial`; the journal owns the way back, and a start finishes it before
anything else. Until a commit the machine's own config files stay as they were. Next: `agent.node`.
"""

from __future__ import annotations

import asyncio
import contextlib
import functools
from collections.abc import Awaitable, Callable

import msgspec

from twinspan.agent.journal import Journal
from twinspan.engine import trial as engine
from twinspan.engine.trial import UNDECIDED, Clocks, Doing, Named, Seen, Trial
from twinspan.model.config_digest import config_digest
from twinspan.model.device_config import DeviceConfig
from twinspan.model.errors import Rejected, TwinspanError
from twinspan.wire.cloud_connection.services import Tried, TriedState

LOOK_S = 0.1
"""Between two looks at what has come back."""
AGAIN_S = 2.0
"""A server that has not decided is told again so often: what was said may be lost with its connection."""
SEEING_S = 2.0
"""A daemon that does not answer by then is not seen; the deadline never waits for it."""
DETAIL_LIMIT = 500


class TrialFile(msgspec.Struct, frozen=True, kw_only=True):
    """What is on disk. Without configs: only the outcome, for the server."""

    trial: Trial
    previous: DeviceConfig | None = None
    wanted: DeviceConfig | None = None


class TrialPorts(msgspec.Struct, frozen=True, kw_only=True):
    """What a trial needs of its node."""

    running: Callable[[], DeviceConfig | None]
    take: Callable[[DeviceConfig], None]
    """Converge to it from now on; nothing is saved."""
    save: Callable[[DeviceConfig, int, str], None]
    """It is the server's config of that generation and digest, and the machine starts with it. May raise OSError."""
    seen: Callable[[DeviceConfig, int], Awaitable[Seen]]
    """What the node has of a config; only probes answered since that time of the steady clock count."""
    clocks: Callable[[], Clocks]
    record: Callable[[str, str], None]
    """(what, detail): an event."""


class _Push(msgspec.Struct, frozen=True, kw_only=True):
    config: DeviceConfig
    generation: int
    digest: str
    trial_s: float


class _Decision(msgspec.Struct, frozen=True, kw_only=True):
    digest: str
    commit: bool
    reason: str


class Trials:
    """One per node; one trial at a time."""

    def __init__(self, journal: Journal, ports: TrialPorts) -> None:
        self._journal, self._ports = journal, ports
        self._file: TrialFile | None = None
        self._before = Seen()
        self._carried_out_ns: int | None = None
        """Steady, when the config on trial was first seen carried out."""
        self._owed = False
        """The disk does not know the outcome yet."""
        self._orders: asyncio.Queue[_Push | _Decision] = asyncio.Queue()
        self.on_news: Callable[[], None] = lambda: None
        """Called when the server should hear `tried`."""
        self.on_kept: Callable[[int, str], None] = lambda _generation, _digest: None
        """Called after a commit, with generation and digest."""

    @property
    def going(self) -> bool:
        """A config is on trial, undecided."""
        return self._file is not None and self._file.trial.state in UNDECIDED

    @property
    def tried(self) -> Tried | None:
        """What the server is told; None after a commit, and before the first trial."""
        if self._file is None or self._file.trial.state == "committed":
            return None
        trial = self._file.trial
        state: TriedState = "reverted"
        if trial.state in UNDECIDED:
            state = "verified" if trial.state == "verified" else "failed" if trial.shortfall else "trying"
        detail = trial.reason or "; ".join(trial.shortfall)
        return Tried(
            generation=trial.generation,
            digest=trial.digest,
            state=state,
            proven=trial.proven,
            detail=detail[:DETAIL_LIMIT],
        )

    # ------------------------------------------------------------------------------------------------ orders

    def push(self, config: DeviceConfig, generation: int, digest: str, trial_s: float) -> None:
        """Put a config on trial that can be carried out; one that is on trial already goes on."""
        self._orders.put_nowait(_Push(config=config, generation=generation, digest=digest, trial_s=trial_s))

    def decide(self, digest: str, commit: bool, reason: str) -> None:
        """The server's decision."""
        self._orders.put_nowait(_Decision(digest=digest, commit=commit, reason=reason))

    def refuse_others(self) -> None:
        """Raises Rejected during a trial: two writers never overwrite each other silently."""
        if self.going and self._file is not None:
            trial = self._file.trial
            left_s = max(0.0, (trial.deadline_steady_ns - self._ports.clocks().steady_ns) / engine.NS_PER_S)
            raise Rejected(
                f"a config of the cloud server (generation {trial.generation}) is on trial",
                remedy=f"it is decided upon within {left_s:.0f} s; do it again then",
            )

    def end(self, reason: str) -> None:
        """Another config takes the place of the one on trial, for good. May raise OSError: then nothing has changed."""
        if self._file is not None and self.going:
            ended = TrialFile(trial=engine.given_up(self._file.trial, reason))
            self._journal.save_trial(ended)
            self._file = ended

    def restore(self, saved: DeviceConfig | None) -> DeviceConfig | None:
        """First of all at a start: the config to begin with, after what an earlier agent left undone."""
        found = self._journal.load_trial(TrialFile)
        if found is None:
            return saved
        self._file = found
        if found.trial.state == "reverted" or found.previous is None or found.wanted is None:
            return saved
        if saved is not None and config_digest(saved) not in map(config_digest, (found.previous, found.wanted)):
            # Somebody gave this machine another config since, while the disk could not take the outcome.
            self._file = TrialFile(trial=engine.given_up(found.trial, "another config took its place"))
            self._owed = True
            return saved
        after = engine.restarted(found.trial, self._ports.clocks())
        self._file = msgspec.structs.replace(found, trial=after)
        try:
            self._carry(after)
        except OSError as error:
            self._owed = True
            self._ports.record("not saved", str(error))
        return found.wanted if after.state == "committed" else found.previous

    # ------------------------------------------------------------------------------------------------ loop

    async def run(self) -> None:
        """For ever: carry out orders, watch what is on trial, keep the deadline."""
        said_ns = 0
        while True:
            order = await self._next()
            if isinstance(order, _Push):
                await self._begin(order)
            elif isinstance(order, _Decision):
                self._decided(order)
            await self._watch()
            now_ns = self._ports.clocks().steady_ns
            if self.going and now_ns - said_ns > AGAIN_S * engine.NS_PER_S:
                said_ns = now_ns
                self.on_news()
            if self._owed and not self.going:
                self._pay()

    async def _next(self) -> _Push | _Decision | None:
        """The next order; None when it is time to look."""
        if not (self.going or self._owed):
            return await self._orders.get()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LOOK_S if self.going else AGAIN_S):
                return await self._orders.get()
        return None

    async def _begin(self, push: _Push) -> None:
        file, running = self._file, self._ports.running()
        if file is not None and self.going and file.trial.digest == push.digest:
            self.on_news()
            return
        if running is None:
            return  # nothing to go back to: the node takes it at once (`Node.try_pushed`)
        if not (self.going and file is not None and file.previous is not None):
            previous, self._before = running, await self._seen(running, 0)
        else:
            previous = file.previous
        trial = engine.stage(push.generation, push.digest, push.trial_s, self._ports.clocks())
        self._file = TrialFile(trial=trial, previous=previous, wanted=push.config)
        self._carried_out_ns = None
        self._ports.record("trial begins", f"generation {push.generation}, decided upon within {push.trial_s:g} s")
        try:
            self._carry(trial)
        except OSError as error:  # nothing was touched yet: the disk comes first
            self._file, self._owed = TrialFile(trial=engine.given_up(trial, str(error))), True
            self._back(previous)
        self.on_news()

    def _decided(self, decision: _Decision) -> None:
        file = self._file
        if file is not None and decision.digest == file.trial.digest:
            self._follow(engine.decided(file.trial, decision.commit, decision.reason, self._ports.clocks()))

    async def _watch(self) -> None:
        if self._file is None or not self.going:
            return
        file = self._file
        self._follow(engine.timed(file.trial, self._ports.clocks()))
        if self._file is not file or file.wanted is None or file.trial.state != "applied":
            return
        now = await self._seen(file.wanted, self._carried_out_ns or self._ports.clocks().steady_ns)
        if self._file is not file:
            return  # an end came meanwhile, by another way
        if now.converged and self._carried_out_ns is None:
            self._carried_out_ns = self._ports.clocks().steady_ns
        lacks = engine.missing(self._before, now, _named(file.wanted))
        self._follow(engine.looked(file.trial, lacks, self._ports.clocks()))

    async def _seen(self, config: DeviceConfig, since_ns: int) -> Seen:
        try:
            async with asyncio.timeout(SEEING_S):
                return await self._ports.seen(config, since_ns)
        except (OSError, TwinspanError):  # TimeoutError is one of them
            return Seen(converged=False, problem="its daemons do not answer")

    def _follow(self, after: Trial) -> None:
        """Take the trial to where the engine says it is now."""
        file = self._file
        if file is None or after == file.trial:
            return
        before, self._file = file.trial, msgspec.structs.replace(file, trial=after)
        if after.state != before.state:
            try:
                self._carry(after)
            except OSError as error:  # the disk does not know of the commitment: there is none
                self._file = file
                self._ports.record("not saved", str(error))
                return
        self.on_news()

    def _carry(self, trial: Trial) -> None:
        """Everything that the state asks for, in its order. Raises OSError if not even the first thing can be done."""
        if trial.state == "reverting":
            self._ports.record("trial reverted", f"generation {trial.generation}: {trial.reason}"[:DETAIL_LIMIT])
        done = engine.carry(trial, self._do)
        if self._file is not None:
            self._file = msgspec.structs.replace(self._file, trial=done)
        if trial.state == "committed" and not self._owed:
            self._file = None
            self._ports.record("trial committed", f"generation {trial.generation}")
            self.on_kept(trial.generation, trial.digest)

    def _do(self, doing: Doing, trial: Trial) -> None:
        file = self._file
        if file is None or file.previous is None or file.wanted is None:
            return
        if doing == "write":
            self._write(msgspec.structs.replace(file, trial=trial))
        elif doing == "run_wanted":
            self._ports.take(file.wanted)
        elif doing == "run_previous":
            self._back(file.previous)
        elif doing == "save_wanted":
            self._owing(functools.partial(self._ports.save, file.wanted, trial.generation, trial.digest))
        elif trial.state == "committed":
            if not self._owed:
                self._owing(self._journal.forget_trial)
        else:
            self._file = TrialFile(trial=trial)
            self._owing(functools.partial(self._journal.save_trial, self._file))

    def _back(self, previous: DeviceConfig) -> None:
        if self._ports.running() != previous:
            self._ports.take(previous)

    def _write(self, file: TrialFile) -> None:
        try:
            self._journal.save_trial(file)
        except OSError:
            if file.trial.state != "reverting":
                raise
            # What is on disk already leads back as well.

    def _owing(self, work: Callable[[], None]) -> None:
        """Do it, or owe it: what the disk does not take is tried again."""
        try:
            work()
            self._owed = False
        except OSError as error:
            if not self._owed:
                self._ports.record("not saved", str(error))
            self._owed = True

    def _pay(self) -> None:
        """Try again what the disk did not take."""
        file = self._file
        if file is None:
            self._owed = False
        elif file.trial.state == "committed":
            self._owed = False
            try:
                self._carry(file.trial)
            except OSError:
                self._owed = True
        else:
            self._owing(functools.partial(self._journal.save_trial, file))


def _named(config: DeviceConfig) -> Named:
    """What a config asks for."""
    return Named(
        sessions=frozenset(peer.name for peer in (config.bgp.peers if config.bgp else ())),
        tunnels=frozenset(tunnel.name for tunnel in config.tunnels),
        probes=frozenset(probe.name for probe in config.probes),
    )
