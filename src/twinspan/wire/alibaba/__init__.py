"""The cloud's own API, as its SDKs speak it: signatures, parameters, actions as rows of tables, answers.

One request goes through `parameters.py` (text to plain data), `signature.py` (who sent it), `table.py` (which row),
`decide.py` (what the row means here) and `reply.py` (the body). Nothing here asks anybody: what an action needs to know
comes through `view.py`. Next: `action.py` says how a row is written.
"""
