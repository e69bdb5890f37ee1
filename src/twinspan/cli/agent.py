"""`twinspan agent`: run the agent of one node.

In: the node's directory and, in a lab, its namespace. Out: it runs until SIGTERM. Next: `agent.supervisor`.
"""

from __future__ import annotations

from pathlib import Path

import click

from twinspan.agent.supervisor import run_supervisor
from twinspan.lab.requirements import require_root
from twinspan.model.errors import Rejected


@click.command()
@click.option(
    "--node-dir",
    type=click.Path(path_type=Path, file_okay=False),
    required=True,
    help="The node's directory: config.json is read from it, agent.sock served in it. Its last part names the node.",
)
@click.option("--netns", metavar="NAME", help="Network namespace to work in; left out: the one this command runs in.")
def agent(node_dir: Path, netns: str | None) -> int:
    """Keep one node as its config says: links, routes, BIRD, strongSwan, probes, failover.

    It takes a config from NODE_DIR/config.json at start and from the socket NODE_DIR/agent.sock at any time. When it is
    killed, traffic goes on, and the next start takes everything over.

    \b
    Example:
      twinspan agent --node-dir /var/lib/twinspan/gateway
    """
    require_root()
    if netns is not None and ("/" in netns or not Path("/var/run/netns", netns).exists()):
        raise Rejected(f"there is no network namespace {netns!r}", remedy="list them with: ip netns list")
    try:
        node_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise Rejected(
            f"--node-dir {node_dir}: cannot be made: {error.strerror}", remedy="give a directory, or a place for one"
        ) from error
    return run_supervisor(node_dir.resolve(), netns)
