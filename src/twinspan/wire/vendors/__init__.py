"""Configurations of other makers' gateways, written for both spans of a site.

In: a `PeerConfiguration`. Out: `PeerText`. `vendor.py` says what differs in numbers and habits, one module per vendor
writes, `render.py` is the door. Next: `vendor.py`.
"""
