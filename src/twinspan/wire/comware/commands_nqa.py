"""Probes as NQA operations, and the track entries that routes depend on.

In: lines of system view, or the probes of a config. Out: the other. A probe runs once its operation is scheduled. The
operation's first name is always the same; its tag is the probe's name. Next: `commands_route.py`.
"""

from __future__ import annotations

from twinspan.model.device_config import DeviceConfig, Probe
from twinspan.wire.comware.command import SYSTEM, Command
from twinspan.wire.comware.document import Line
from twinspan.wire.comware.reading import Notes
from twinspan.wire.comware.writing import Export

ADMIN = "twinspan"
_HEADER = {4: 28, 6: 48}
"""Bytes of IP and ICMP header, which a packet has and NQA's data size leaves out."""
_TAG = "<admin:str:1-32> <tag:str:1-128>"

COMMANDS = (
    Command(
        view=SYSTEM,
        id="nqa entry",
        pattern=f"nqa entry {_TAG}",
        key=("admin", "tag"),
        undo=(f"nqa entry {_TAG}",),
        opens="nqa",
        prompt="-nqa-{admin}-{tag}",
        help={"admin": "Name of the administrator", "tag": "Tag of the operation"},
    ),
    Command(
        view="nqa",
        id="nqa type",
        pattern="type icmp-echo",
        undo=("type",),
        opens="nqa-icmp",
        prompt="-icmp-echo",
    ),
    Command(view="nqa-icmp", id="nqa destination", pattern="destination ip <address:ipv4>", undo=("destination ip",)),
    Command(
        view="nqa-icmp",
        id="nqa destination",
        pattern="destination ipv6 <address:ipv6>",
        undo=("destination ipv6",),
    ),
    Command(view="nqa-icmp", id="nqa source", pattern="source ip <address:ipv4>", undo=("source ip",)),
    Command(view="nqa-icmp", id="nqa source", pattern="source ipv6 <address:ipv6>", undo=("source ipv6",)),
    Command(view="nqa-icmp", id="nqa out", pattern="out interface <interface:interface>", undo=("out interface",)),
    Command(
        view="nqa-icmp",
        id="nqa frequency",
        pattern="frequency <ms:int:10-604800000>",
        undo=("frequency",),
        help={"ms": "Milliseconds between two probes"},
    ),
    Command(view="nqa-icmp", id="nqa size", pattern="data-size <bytes:int:0-65507>", undo=("data-size",)),
    Command(
        view="nqa-icmp",
        id="nqa reaction",
        pattern="reaction <number:int:1-10> checked-element probe-fail threshold-type consecutive <times:int:1-1000> "
        "[ action-type trigger-only ]",
        key=("number",),
        undo=("reaction <number:int:1-10>",),
        help={"times": "So many losses in a row make it down"},
    ),
    Command(
        view="nqa-icmp",
        id="nqa recover",
        pattern="twinspan recover <times:int:1-1000>",
        undo=("twinspan recover",),
        help={"times": "So many answers in a row make it up again"},
    ),
    Command(
        view=SYSTEM,
        id="nqa schedule",
        pattern=f"nqa schedule {_TAG} start-time now lifetime forever",
        key=("admin", "tag"),
        undo=(f"nqa schedule {_TAG}",),
    ),
    Command(
        view=SYSTEM,
        id="track",
        pattern=f"track <number:int:1-1024> nqa entry {_TAG} reaction <reaction:int:1-10>",
        key=("number",),
        undo=("track <number:int:1-1024>",),
        help={"number": "Number of the track entry"},
    ),
)


def read_probes(document: Line, notes: Notes) -> tuple[Probe, ...]:
    """The probes that run, in the order of their operations; and the track entries, into the notes."""
    scheduled = {(line.args["admin"], line.args["tag"]) for line in document.every("nqa schedule")}
    found: dict[str, Probe] = {}
    for view in document.every("nqa entry"):
        tag = view.args["tag"]
        body = next(view.every("nqa type"), None)
        if body is None or (view.args["admin"], tag) not in scheduled:
            notes.wait(f"NQA operation {view.args['admin']} {tag}: it needs type icmp-echo and nqa schedule")
            continue
        probe = _probe(tag, body, notes)
        if tag in found:
            notes.refuse(f"Another NQA operation has the tag {tag}; tags are names of probes here.")
        if probe is not None:
            found[tag] = probe
    for line in document.every("track"):
        if line.args["tag"] in found:
            notes.tracks[line.args["number"]] = line.args["tag"]
        else:
            notes.wait(f"track {line.args['number']}: its NQA operation does not run")
    return tuple(found.values())


def _probe(tag: str, body: Line, notes: Notes) -> Probe | None:
    destination, source = body.get("nqa destination", "address"), body.get("nqa source", "address")
    interface = body.get("nqa out", "interface") or None
    way = notes.way(interface, f"NQA operation {tag}") if interface else None
    if not destination or not source or (interface and way is None):
        notes.wait(f"NQA operation {tag}: it needs destination and source")
        return None
    header = _HEADER[6 if ":" in destination else 4]
    return Probe(
        name=tag,
        source=source,
        destination=destination,
        link=way.link if way else None,
        tunnel=way.tunnel if way else None,
        interval_ms=int(body.get("nqa frequency", "ms", "500")),
        lost_threshold=int(body.get("nqa reaction", "times", "3")),
        recover_threshold=int(body.get("nqa recover", "times", "3")),
        packet_size=int(body.get("nqa size", "bytes", "56")) + header,
    )


def write_probes(config: DeviceConfig, export: Export) -> list[str]:
    """Operations, schedules, track entries."""
    lines: list[str] = []
    for probe in config.probes:
        lines += _probe_lines(probe, export)
    lines += [f"nqa schedule {ADMIN} {export.word(p.name)} start-time now lifetime forever" for p in config.probes]
    for probe in config.probes:
        track = export.names.track_of_probe.get(probe.name)
        if track is not None:
            lines.append(f"{track} nqa entry {ADMIN} {export.word(probe.name)} reaction 1")
    return lines


def _probe_lines(probe: Probe, export: Export) -> list[str]:
    version, ip = (6, "ipv6") if ":" in probe.destination else (4, "ip")
    lines = [f"nqa entry {ADMIN} {export.word(probe.name)}", "type icmp-echo"]
    lines += [f"destination {ip} {probe.destination}", f"source {ip} {probe.source}"]
    if probe.link or probe.tunnel:
        interface = export.interface(probe.link, probe.tunnel, f"the probe {probe.name}")
        lines += [f"out interface {interface}"] if interface else []
    lines += [f"frequency {probe.interval_ms}", f"data-size {probe.packet_size - _HEADER[version]}"]
    lines.append(
        f"reaction 1 checked-element probe-fail threshold-type consecutive {probe.lost_threshold} "
        "action-type trigger-only"
    )
    if probe.recover_threshold != 3:
        lines.append(f"twinspan recover {probe.recover_threshold}")
    return lines
