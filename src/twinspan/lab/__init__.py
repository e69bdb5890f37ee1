"""Whole topologies in network namespaces, the faults to hurt them with, and the drill that measures the hurt.

Comes in: a compiled site. Goes out: running nodes, injected faults that heal by themselves, measured outages. Promise:
after `down` no namespace, process or file is left, whatever was killed before. Next: `twinspan.cli`.
"""
