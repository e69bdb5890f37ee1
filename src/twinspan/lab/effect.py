"""What a fault does to the world: dropping packets, taking links down, killing, asking an agent or BIRD.

In: namespaces, names and a time to live. Out: `Effect`s with the same four steps each: prepare (everything slow, and
whatever will heal it without us), trigger (the one call that hurts, timed), heal, and what heals it if we are killed:

    dropping      the kernel: the rule matches a set whose elements time out
    links         a detached shell that sets them up again
    BIRD's config BIRD itself: `configure ... timeout` undoes what nobody confirms
    killing       nothing to heal: whoever supervises it starts it again

Next: `faults.py` puts effects together.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec

from twinspan.lab import process
from twinspan.lab.client import AgentClient
from twinspan.lab.netlink import Moment, NftSet, add_elements, set_links, span_of
from twinspan.lab.process import ProcessId
from twinspan.model.errors import Unavailable

SET_NAME = "on"


class Keys(msgspec.Struct, frozen=True, kw_only=True):
    """What a set holds: nftables' name of the type, and the keys as the kernel keeps them."""

    kind: str
    values: tuple[bytes, ...]


def name_keys(names: Sequence[str]) -> tuple[bytes, ...]:
    """Interface names (type ifname): 16 bytes, filled up with zeros."""
    return tuple(name.encode().ljust(16, b"\0") for name in names)


class Effect(Protocol):
    """One thing a fault does."""

    def prepare(self, expires_s: float, mark: str) -> tuple[ProcessId, ...]:
        """Everything slow. Returns the detached timers it has started (they carry the lab's mark)."""
        ...

    def trigger(self, expires_s: float) -> Moment:
        """Hurts, now."""
        ...

    def heal(self) -> Moment:
        """Undoes it; nothing happens if it has ended already."""
        ...


class Drop:
    """Packets dropped by nftables in one namespace, for as long as the elements of a set live.

    `rules` are statements in which `@on` is the set: `iifname @on drop`.
    """

    def __init__(self, netns: str, target: NftSet, *, hook: str, keys: Keys, rules: Sequence[str]) -> None:
        self.netns = netns
        self.set = target
        self.hook = hook
        self.keys = keys
        self.rules = tuple(rules)

    @property
    def _table(self) -> str:
        return f"{self.set.family} {self.set.table}"

    def prepare(self, expires_s: float, mark: str) -> tuple[ProcessId, ...]:
        """The table with an empty set: nothing matches yet."""
        rules = "\n".join(f"    {rule}" for rule in self.rules)
        _nft(
            self.netns,
            f"table {self._table}\ndelete table {self._table}\n"
            f"table {self._table} {{\n  set {self.set.name} {{ type {self.keys.kind}; flags timeout; }}\n"
            f"  chain hurt {{\n    type filter hook {self.hook} priority -300; policy accept;\n{rules}\n  }}\n}}\n",
        )
        return ()

    def trigger(self, expires_s: float) -> Moment:
        return add_elements(self.netns, self.set, self.keys.values, expires_s)

    def heal(self) -> Moment:
        before = time.time_ns()
        _nft(self.netns, f"table {self._table}\ndelete table {self._table}\n")
        return Moment(before_ns=before, after_ns=time.time_ns())


class LinksDown:
    """Links of one namespace administratively down; their far ends lose the carrier."""

    def __init__(self, netns: str, links: Sequence[str]) -> None:
        self.netns = netns
        self.links = tuple(links)

    def prepare(self, expires_s: float, mark: str) -> tuple[ProcessId, ...]:
        return (start_timer(f"sleep {expires_s:.3f}; {self._shell('up')}", mark),)

    def trigger(self, expires_s: float) -> Moment:
        return set_links(self.netns, self.links, up=False)

    def heal(self) -> Moment:
        return set_links(self.netns, self.links, up=True)

    def _shell(self, state: str) -> str:
        return "; ".join(f"ip -n {self.netns} link set dev {link} {state}" for link in self.links)


class LinksFlap(LinksDown):
    """The same links down and up again, `times` times, half of `period_s` each."""

    def __init__(self, netns: str, links: Sequence[str], *, times: int, period_s: float) -> None:
        super().__init__(netns, links)
        self.times = times
        self.half_s = period_s / 2

    def prepare(self, expires_s: float, mark: str) -> tuple[ProcessId, ...]:
        """Two timers: one plays the flaps after the first, the other ends it all even if the first one is killed."""
        half = f"sleep {self.half_s:.3f}"
        rest = "; ".join([f"{half}; {self._shell('down')}; {half}; {self._shell('up')}"] * (self.times - 1))
        first_up = f"{half}; {self._shell('up')}"
        player = start_timer(f"{first_up}; {rest}" if rest else first_up, mark)
        return (player, *super().prepare(expires_s, mark))


class PortOrder:
    """A gateway's port shut by an order to its agent: the same injector a real gateway gets."""

    def __init__(self, agent: AgentClient, link: str) -> None:
        self.agent = agent
        self.link = link

    def prepare(self, expires_s: float, mark: str) -> tuple[ProcessId, ...]:
        self.agent.report()  # opens the connection, and fails now rather than in the middle of a drill
        return ()

    def trigger(self, expires_s: float) -> Moment:
        before, after = self.agent.shut_port(self.link, expires_s)
        return Moment(before_ns=before, after_ns=after)

    def heal(self) -> Moment:
        before = time.time_ns()
        self.agent.open_port(self.link)
        return Moment(before_ns=before, after_ns=time.time_ns())


class Signal:
    """A signal to processes that are looked up when it is sent; whoever supervises them starts them again."""

    def __init__(self, find: Callable[[], Sequence[ProcessId]], what: str, number: int) -> None:
        self.find = find
        self.what = what
        self.number = number
        self._targets: tuple[ProcessId, ...] = ()

    def prepare(self, expires_s: float, mark: str) -> tuple[ProcessId, ...]:
        self._targets = tuple(self.find())
        if not self._targets:
            raise Unavailable(f"{self.what} does not run", remedy="look at `twinspan lab status` first")
        return ()

    def trigger(self, expires_s: float) -> Moment:
        before = time.time_ns()
        for target in self._targets:
            process.send(target, self.number)
        return Moment(before_ns=before, after_ns=time.time_ns())

    def heal(self) -> Moment:
        now = time.time_ns()
        return Moment(before_ns=now, after_ns=now)


class BirdCommand:
    """Something asked of a node's BIRD through its own socket, and what takes it back."""

    def __init__(self, find_socket: Callable[[], str], command: Callable[[float], str], undo: str = "") -> None:
        self.find_socket = find_socket
        self.command = command
        self.undo = undo

    def prepare(self, expires_s: float, mark: str) -> tuple[ProcessId, ...]:
        self.find_socket()
        return ()

    def trigger(self, expires_s: float) -> Moment:
        return _birdc(self.find_socket(), self.command(expires_s))

    def heal(self) -> Moment:
        if self.undo:
            return _birdc(self.find_socket(), self.undo)
        now = time.time_ns()
        return Moment(before_ns=now, after_ns=now)


def trigger_all(effects: Sequence[Effect], expires_s: float) -> Moment:
    """One after the other; the moment reaches from the first to the last."""
    return span_of([effect.trigger(expires_s) for effect in effects])


def heal_all(effects: Sequence[Effect]) -> Moment:
    """One after the other, in reverse."""
    return span_of([effect.heal() for effect in reversed(effects)])


def start_timer(script: str, mark: str) -> ProcessId:
    """A shell in a session of its own that outlives us; found later by its identity or by the lab's mark."""
    started = subprocess.Popen(
        ["/bin/sh", "-c", script],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=os.environ | {process.MARK_VARIABLE: mark},
        cwd="/",
        start_new_session=True,
    )
    identity = process.identify(started.pid)
    if identity is None:
        raise Unavailable("the timer that heals the fault could not be started", remedy="check that /bin/sh works")
    return identity


def _nft(netns: str, text: str) -> None:
    done = subprocess.run(
        ["ip", "netns", "exec", netns, "nft", "-f", "-"], input=text, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise Unavailable(f"{netns}: nft refused: {' '.join(done.stderr.split())[:300]}")


def _birdc(control: str, command: str) -> Moment:
    before = time.time_ns()
    done = subprocess.run(
        ["birdc", "-s", control, *command.split(" ")], capture_output=True, text=True, check=False, timeout=5
    )
    after = time.time_ns()
    if done.returncode != 0:
        raise Unavailable(f"BIRD refused `{command}`: {' '.join(done.stdout.split())[-200:]}")
    return Moment(before_ns=before, after_ns=after)
