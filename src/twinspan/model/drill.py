"""A drill: what was done to a site, what its users lost, and whether that is good enough.

In: nothing. `lab.load` fills `StreamLog`, the orchestration fills `DrillFacts`, `engine.drill` turns both into a
`DrillReport`, and `cli.drill_report` shows it. Times are wall-clock nanoseconds (CLOCK_REALTIME) of the machine that
runs the drill, or milliseconds after the injection where the name says so. Next: `engine.drill`.
"""

from __future__ import annotations

from typing import Literal

import msgspec

from twinspan.model.device_report import EventSource
from twinspan.model.fields import Profile

Direction = Literal["site_to_cloud", "cloud_to_site"]
Protocol = Literal["udp", "tcp", "icmp"]
Phase = Literal["before", "failover", "failback"]
"""Before the injection; from the injection until the fault is healed; from there until the load ends."""
Path = Literal["circuit", "vpn", "none", "mixed"]
"""Where traffic of one direction goes. `mixed`: part here, part there, e.g. one prefix only."""
TimelineName = Literal["whole", "failover", "failback"]
Verdict = Literal["passed", "failed", "refused"]

DIRECTIONS: tuple[Direction, Direction] = ("site_to_cloud", "cloud_to_site")


class StreamLog(msgspec.Struct, frozen=True, kw_only=True):
    """The raw record of one stream in one direction. Packet number `i` is the one sent at `sent_ns[i]`."""

    direction: Direction
    """Of an echo (ICMP): the side that asks; its answer needs both directions."""
    protocol: Protocol
    spacing_ms: float
    """Intended time between two packets (UDP, ICMP) or records (TCP)."""
    sent_ns: tuple[int, ...]
    """When each packet was really sent, failed attempts included (a user without a route has lost the packet too)."""
    received: tuple[tuple[int, int], ...]
    """(packet number, arrival in ns) for every arrival, in any order. UDP and ICMP: the kernel's receive time stamp."""
    send_errors: dict[str, int] = {}
    """Sends that the kernel refused at once, by errno name, e.g. {"ENETUNREACH": 12}."""
    receiver_drops: int = 0
    """Packets that arrived but found the measuring socket full: the measurement's loss, not the network's."""
    late_max_us: int = 0
    """The worst lateness of a send against its intended time, in microseconds."""
    reconnects: int = 0
    """TCP: connections made after the first one."""
    retransmits: int = 0
    """TCP: segments sent again (tcpi_total_retrans), all connections together."""
    large_every: int = 0
    """Every so many packets, from packet 0 on, one is large; 0: all have one size."""


class DrillEvent(msgspec.Struct, frozen=True, kw_only=True):
    """Something that a node, or the drill itself, reported."""

    at_ns: int
    node: str
    source: EventSource | Literal["drill"]
    what: str
    """Short and stable, e.g. "BFD down"."""
    detail: str = ""


class PathChange(msgspec.Struct, frozen=True, kw_only=True):
    """From this moment on a direction's traffic took this path; a direction's first one is its path at the start."""

    at_ns: int
    direction: Direction
    path: Path


class ClockOffset(msgspec.Struct, frozen=True, kw_only=True):
    """How far a node's clock is ahead of the drill's clock (negative: behind)."""

    node: str
    offset_us: float
    error_us: float
    """Half the round trip of the comparison: the true offset lies within offset ± error."""


class Jitter(msgspec.Struct, frozen=True, kw_only=True):
    """How late this machine wakes a sleeping process of normal priority; no time in the report is better than this."""

    median_us: float
    max_us: float
    samples: int
    step_ms: float = 1.0
    """How long each sample meant to sleep."""


class Expectation(msgspec.Struct, frozen=True, kw_only=True):
    """What a correct site does under this fault."""

    during: Path = "vpn"
    """Path when the fault is healed. `none`: nothing works, so outages have no limit and routes may point anywhere."""
    after: Path = "circuit"
    """Path when the drill ends."""
    alarm: str | None = None
    """An alarm that the gateway must raise while the fault lasts, e.g. "standby_dead"."""
    bound_ms: float | None = None
    """Longest failover outage that the detectors promise, e.g. BFD interval × multiplier; None: no promise."""


class DrillFacts(msgspec.Struct, frozen=True, kw_only=True):
    """All that the orchestration knows when the load has ended."""

    drill: str
    """Identifier of this drill."""
    site: str
    profile: Profile
    fault: str
    """Name of the fault, e.g. "silent"."""
    started_at: str
    """ISO 8601, UTC."""
    injected_ns: int
    """Read just before the fault was ordered; 0 if the drill was refused."""
    healed_ns: int
    """Read just before the healing was ordered; 0 if the drill was refused."""
    max_outage_ms: float
    """The site's own limit for one direction and phase."""
    expectation: Expectation = Expectation()
    standby_proven: bool
    standby_proof: tuple[str, ...] = ()
    """One sentence for each check of the standby, the failed ones included."""
    forced: bool = False
    """The user asked to go on although the standby was not proven."""
    events: tuple[DrillEvent, ...] = ()
    path_changes: tuple[PathChange, ...] = ()
    clock_offsets: tuple[ClockOffset, ...] = ()
    jitter: Jitter | None = None


class Gap(msgspec.Struct, frozen=True, kw_only=True):
    """A run of lost packets. Its duration runs from the send time of the last packet delivered before it to the send
    time of the first one delivered after it, so it holds one spacing more than the lost packets alone."""

    start_ns: int
    duration_ms: float
    lost: int
    open: bool = False
    """Nothing was delivered after it; the duration then ends at the last packet sent."""


class DirectionResult(msgspec.Struct, frozen=True, kw_only=True):
    """What one stream lost in one phase. Packets count in the phase in which they were sent; a gap or a silence counts,
    whole, in the phase in which it began."""

    direction: Direction
    protocol: Protocol
    sent: int
    received: int
    """Different packets that arrived; sent = received + lost."""
    lost: int
    duplicated: int
    """Arrivals beyond the first of the same packet."""
    reordered: int
    """Packets that arrived after one sent later (RFC 4737 3.3)."""
    outage_ms: float
    """Time without delivery: the sum of all gaps. With one gap, simply its duration. Where only the large packets die,
    the time in which no large one was delivered."""
    longest_gap_ms: float
    """Longest time between two consecutive arrivals; for TCP the longest stall, which nobody sees as a loss."""
    gaps: tuple[Gap, ...] = ()


class PhaseResult(msgspec.Struct, frozen=True, kw_only=True):
    phase: Phase
    directions: tuple[DirectionResult, ...]
    """One for each stream: direction × protocol."""


class PathUse(msgspec.Struct, frozen=True, kw_only=True):
    """Which way one direction went."""

    direction: Direction
    before: Path
    """At the injection."""
    during: Path
    """When the fault was healed."""
    after: Path
    """At the end of the drill."""
    switched_after_ms: float | None = None
    """From the injection to the first change to the path `during`; None if the path never changed."""
    returned_after_ms: float | None = None
    """From the healing to the last change to the path `after`; None if it did not change."""


class Detection(msgspec.Struct, frozen=True, kw_only=True):
    """The first event of one source after the injection."""

    source: EventSource
    node: str
    what: str
    after_ms: float


class Lane(msgspec.Struct, frozen=True, kw_only=True):
    """Packets of one direction, counted by send time in bins of equal width."""

    direction: Direction
    sent: tuple[int, ...]
    delivered: tuple[int, ...]


class Timeline(msgspec.Struct, frozen=True, kw_only=True):
    """The data of one drawing: a window on the axis "milliseconds after the injection"."""

    name: TimelineName
    start_ms: float
    bin_ms: float
    lanes: tuple[Lane, ...]


class DrillReport(DrillFacts, frozen=True, kw_only=True):
    """The facts, what follows from them and from the raw records, and the verdict. Event times are corrected by their
    node's clock offset."""

    phases: tuple[PhaseResult, ...] = ()
    paths: tuple[PathUse, ...] = ()
    detections: tuple[Detection, ...] = ()
    """Ordered by time."""
    detected_by: Detection | None = None
    """The first by a source that detects (link, BFD, BGP, IKE, probe, health check, daemon), not one that reacts."""
    failback_ms: float | None = None
    """From the healing until both directions were back; None if one of them never returned or never left."""
    timelines: tuple[Timeline, ...] = ()
    load_notes: tuple[str, ...] = ()
    """What the measurement says of itself: refused sends, full sockets, TCP reconnects and retransmits."""
    verdict: Verdict
    reasons: tuple[str, ...] = ()
    """Why it failed or was refused; empty when it passed."""
    remarks: tuple[str, ...] = ()
    """Worth knowing, but not a reason to fail."""
