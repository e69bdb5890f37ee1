"""The device's command line in the style of Comware: patterns, views, editing, paging, configuration text. Pure.

In: bytes of a terminal, a `DeviceConfig`. Out: bytes for the terminal, and effects that a shell carries out. What the
`display` commands print stands in the modules of that name. Next: `words.py`, and from there along the last word of
each module's first paragraph to `session.py`.
"""
