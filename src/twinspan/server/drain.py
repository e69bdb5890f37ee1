"""A planned restart: devices leave one by one, and come back as they left.

In: the tunnels of a worker that listens no more, the time to do it in. Out: a `Drain` for each. Next: `worker` ends.
"""

from __future__ import annotations

from collections.abc import Mapping

from twinspan.server.clock import pause, steady_ns
from twinspan.server.tunnel import Tunnel
from twinspan.wire.cloud_connection.liveness import NS_PER_S
from twinspan.wire.cloud_connection.messages import Drain, encode

STEP_S = 0.05
RESTART_MS = 500
"""So long a server may need to listen again after its end."""


async def drain(tunnels: Mapping[str, Tunnel], within_s: float) -> None:
    """Send all of them away, evenly spread over that time; it returns with the last.

    Each is asked to stay away for as long and a little: nobody comes back before the server has gone, nor all at once.
    """
    message = encode(Drain(after_ms=int(within_s * 1000) + RESTART_MS, within_ms=int(within_s * 250)))
    staying, sent, began_ns = tuple(tunnels.values()), 0, steady_ns()
    while sent < len(staying):
        passed_s = (steady_ns() - began_ns) / NS_PER_S
        while sent < len(staying) and sent * within_s <= passed_s * len(staying):
            tunnel = staying[sent]
            sent += 1
            if tunnels.get(tunnel.serial) is tunnel:
                tunnel.socket.send(message)
        await pause(STEP_S)
