"""Decisions: admission, compiling resources to configurations, health detectors, failover, the plan of steps.

Comes in: values of `twinspan.model`, with time and ids as arguments. Goes out: values and decisions that carry their
reason. Promise: the same input gives the same output on every machine, because nothing here reads a file, a socket, a
clock or chance; so the agent, the tests and a proof run the same code. Next: the rooms that act on a decision,
`twinspan.agent` first.
"""
