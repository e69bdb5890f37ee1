"""The steps of `engine.expand`, one module per part of a site.

Each step is a function from `Site` to `Site` that adds what is missing and marks it in `Site.made`; it never changes
what people wrote. A step leaves a field empty where it cannot choose, and admission then says so.

In: a `Site` with gaps. Out: a `Site` with fewer. Next: `draft.py`, then `expand.py` above this package.
"""
