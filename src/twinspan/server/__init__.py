"""The cloud server: which devices there are, whose they are, which of them is connected, and what was said to them.

In: sockets, a state directory, requests of people. Out: tunnels, events, JSON. Start reading at `schema.py` (what is
kept), then `store.py` (the hot path), `authority.py` (who the server is), `registry.py` and `admin.py` (what people
do).
"""
