"""The resource service: what shall be, who said so, and what came of it.

Every door (native API, compatible API, apply) goes through `service.py`; every store (SQLite, PostgreSQL) is `port.py`
to it. Nothing here decides: that is `engine`. Next: `port.py`.
"""
