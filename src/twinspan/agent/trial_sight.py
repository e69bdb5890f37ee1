"""What a trial sees of its node, and does to it.

In: a `Node`. Out: its `TrialPorts`. Next: `agent.trial`.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from twinspan.agent.clock import steady_ns, wall_ns
from twinspan.agent.ownership import boot_id
from twinspan.agent.trial import TrialPorts
from twinspan.engine.resource_status import CHILD_UP, ESTABLISHED, IKE_UP
from twinspan.engine.trial import Clocks, Seen
from twinspan.model.device_config import DeviceConfig

if TYPE_CHECKING:
    from twinspan.agent.node import Node


def trial_ports(node: Node) -> TrialPorts:
    """Those of a node."""

    async def seen(config: DeviceConfig, since_ns: int) -> Seen:
        return await _seen(node, config, since_ns)

    return TrialPorts(
        running=lambda: node.converger.config,
        take=node.take,
        save=node.proven,
        seen=seen,
        clocks=_clocks,
        record=lambda what, detail: node.events.record("config", what, detail),
    )


def _clocks() -> Clocks:
    now_ns = steady_ns()
    return Clocks(steady_ns=now_ns, wall_ns=wall_ns(now_ns), boot_id=boot_id())


async def _seen(node: Node, config: DeviceConfig, since_ns: int) -> Seen:
    converger, probes = node.converger, node.world.probes
    (sessions, _), tunnels = await asyncio.gather(
        node.drivers.bird.observe(config), node.drivers.strongswan.observe(config)
    )
    return Seen(
        converged=converger.converged and converger.config == config,
        problem=converger.problem,
        sessions=frozenset(s.peer for s in sessions if s.state == ESTABLISHED),
        tunnels=frozenset(t.name for t in tunnels if t.ike_state in IKE_UP and t.child_state in CHILD_UP),
        probes=frozenset(
            name for name, state in probes.items() if state.health == "up" and (state.last_answer_ns or 0) >= since_ns
        ),
    )
