"""What a lab still lacks before it may be called up: pure comparison of configs with reports.

In: the deployment and each node's report (or the error its agent met). Out: sentences, one per thing that is missing;
none means every session and cloud connection is established and every probe answers. Next:
`up.py` waits for that, `status.py` shows it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from twinspan.model.cloud_status import FAILURE_TEXT, CloudStatus
from twinspan.model.deployment import Deployment
from twinspan.model.device_config import DeviceConfig
from twinspan.model.device_report import DeviceReport
from twinspan.model.errors import TwinspanError
from twinspan.wire.cloud_connection.services import CONFIG, TELEMETRY

Answers = Mapping[str, DeviceReport | TwinspanError]


def missing(deployment: Deployment, answers: Answers) -> tuple[str, ...]:
    """Everything that is not yet as the configs ask, in the order of the topology's nodes."""
    found: list[str] = []
    for node in deployment.topology.nodes:
        answer = answers.get(node)
        if isinstance(answer, DeviceReport):
            found += [f"{node}: {lack}" for lack in node_missing(deployment.configs[node], answer)]
        else:
            found.append(f"{node}: agent does not answer")
    return tuple(found)


def node_missing(config: DeviceConfig, report: DeviceReport) -> tuple[str, ...]:
    """What one node lacks; empty when it is established and proven."""
    if report.observed_generation < config.generation:
        # Why it cannot (a daemon that will not start, a port that is taken) is known on the node alone.
        reasons = [alarm.detail for alarm in report.alarms if alarm.name == "cannot_converge"]
        return (f"config not applied{': ' if reasons else ''}{'; '.join(reasons)}",)
    lacks = [*_sessions(config, report), *_tunnels(config, report), *_probes(config, report), *_spans(report)]
    lacks += cloud_missing(report)
    if config.dhcp_client and not report.leases:
        lacks.append(f"no DHCP lease on {config.dhcp_client}")
    if not report.converged and not lacks:
        lacks.append("not converged")
    return tuple(lacks)


def _sessions(config: DeviceConfig, report: DeviceReport) -> Iterator[str]:
    if config.bgp is None:
        return
    bgp = {status.peer: status.state for status in report.bgp}
    bfd = {status.peer_address: status.state for status in report.bfd}
    for peer in config.bgp.peers:
        state = bgp.get(peer.name, "absent")
        if state != "Established":
            yield f"BGP {peer.name} {state}"
        elif peer.bfd and bfd.get(peer.peer_address, "absent") != "Up":
            yield f"BFD {peer.peer_address} {bfd.get(peer.peer_address, 'absent')}"


def _tunnels(config: DeviceConfig, report: DeviceReport) -> Iterator[str]:
    seen = {status.name: status for status in report.tunnels}
    for tunnel in config.tunnels:
        status = seen.get(tunnel.name)
        if status is None or status.device is None:
            yield f"tunnel {tunnel.name} has no IKE daemon"
        elif status.child_state != "INSTALLED":
            yield f"tunnel {tunnel.name} {status.ike_state}/{status.child_state}"


def _probes(config: DeviceConfig, report: DeviceReport) -> Iterator[str]:
    seen = {status.name: status.state for status in report.probes}
    for probe in config.probes:
        if seen.get(probe.name) != "up":
            yield f"probe {probe.name} {seen.get(probe.name, 'absent')}"


def _spans(report: DeviceReport) -> Iterator[str]:
    if report.failover is None:
        return
    for span in report.failover.spans:
        if not span.healthy:
            yield f"span {span.name} not healthy ({', '.join(span.reasons) or 'no reason given'})"
        elif span.role == "active" and report.failover.carrying != span.name:
            yield f"traffic is on {report.failover.carrying}, not on {span.name}"


def cloud_missing(report: DeviceReport) -> Iterator[str]:
    """Only a node that was told to connect reports of it."""
    cloud = report.cloud
    if cloud is None:
        return
    if cloud.state != "Established":
        yield f"cloud connection {cloud_state(cloud)}"
        return
    states = {part.name: part for part in cloud.subconnections}
    for name in (CONFIG, TELEMETRY):
        part = states.get(name)
        if part is None or part.state != "Established":
            yield f"cloud sub-connection {name} {part.state if part else 'absent'}"


def cloud_state(cloud: CloudStatus) -> str:
    """How far it got, and why not further."""
    if cloud.state == "Established":
        return f"Established, epoch {cloud.epoch}"
    return f"{cloud.device_state} ({FAILURE_TEXT[cloud.failure]})" if cloud.failure else cloud.device_state
