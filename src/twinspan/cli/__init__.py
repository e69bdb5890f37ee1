"""The `twinspan` command: reads arguments, wires the other rooms together, prints.

Comes in: arguments and the site file. Goes out: text, JSON, HTML and an exit code (0 good, 1 bad news, 2 bad input).
Promise: a user reads a sentence with the way out, never a traceback. This is the last room.
"""
