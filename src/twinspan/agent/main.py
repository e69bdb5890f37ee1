"""The agent's entry point. In: a node directory and a namespace. Out: an exit code. Next: `agent.supervisor`."""

from __future__ import annotations

from twinspan.agent.supervisor import run_supervisor

__all__ = ["run_supervisor"]
