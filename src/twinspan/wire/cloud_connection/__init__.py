"""The cloud connection: its messages and both of its state machines, sans-I/O.

In: bytes of a peer, time and randomness as arguments. Out: bytes to send, and events. The protocol is described in
docs/reference/cloud-connection.md. Next: `server` and `agent`, which give it sockets and clocks.
"""
