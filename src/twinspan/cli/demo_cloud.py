"""The demo's part about the cloud connection: how the gateway's came up, and how it survives the server's end.

In: a running lab with a cloud server. Out: lines for people. Next: `cli.demo`.
"""

from __future__ import annotations

from collections.abc import Iterator

from twinspan.lab.cloud_return import Return
from twinspan.model.cloud_status import CloudStatus, DeviceState
from twinspan.model.device_report import DeviceReport

_STEPS: dict[DeviceState, str] = {
    "Resolving": "name resolution",
    "Connecting": "TCP",
    "TLS": "TLS",
    "Authentication": "authentication, of both ends by the password",
    "Authentication_success": "authenticated",
    "Register": "registration",
    "Register_success": "registered: the server gave a URL",
    "Request": "WebSocket handshake",
    "Request_success": "established",
}
NS_PER_MS = 1e6


def connection_lines(report: DeviceReport) -> list[str]:
    """The way of a node's newest connection, step by step."""
    cloud = report.cloud
    if cloud is None or cloud.state != "Established":
        return ["not connected"]
    lines = [f"lease      {lease}" for lease in report.leases]
    lines.append(
        f"server     {cloud.server_domain} port {cloud.server_port} ({cloud.server_address}),"
        f" name from {_from(cloud.domain_source)}, password from {_from(cloud.password_source)}"
    )
    return [*lines, *_steps(cloud)]


def return_lines(returns: tuple[Return, ...]) -> list[str]:
    """When the gateway was back after the server's end, and when the last node was."""
    gateway = next((one for one in returns if one.node == "gateway"), returns[0])
    resumed = sum(one.resumed for one in returns)
    return [
        f"{gateway.node} noticed after {gateway.noticed_ms:.0f} ms and was connected again after"
        f" {gateway.back_ms / 1000:.1f} s, {_how(gateway)}",
        f"all {len(returns)} nodes were back after {returns[-1].back_ms / 1000:.1f} s,"
        f" {resumed} of them with their resume tickets",
    ]


def _steps(cloud: CloudStatus) -> Iterator[str]:
    begun_ns = cloud.steps[0].at_ns if cloud.steps else 0
    states = [step.state for step in cloud.steps]
    for place, step in enumerate(cloud.steps):
        more = f", epoch {cloud.epoch}" if step.state == "Request_success" else ""
        if step.state == "Connecting" and "Connecting" in states[place + 1 :]:
            more = ", to ask the server for its authority: nobody told us whom to trust"
        yield f"{(step.at_ns - begun_ns) / NS_PER_MS:6.1f} ms  {_STEPS.get(step.state, step.state)}{more}"
    for part in sorted(cloud.subconnections, key=lambda one: one.since_ns or 0):
        if part.state == "Established" and part.since_ns is not None:
            yield f"{(part.since_ns - begun_ns) / NS_PER_MS:6.1f} ms  sub-connection {part.name} established"


def _from(source: str) -> str:
    return {"dhcp": "DHCP", "manual": "its configuration"}.get(source, "nowhere")


def _how(one: Return) -> str:
    return "with its resume ticket" if one.resumed else "by a full authentication"
