"""Formats: values of `twinspan.model` to the text or bytes that a foreign program reads, and back.

Comes in: a typed value, or text and bytes from outside. Goes out: text and bytes, or a typed value; bad input comes
back as data that says what was wrong. Promise: pure and without I/O, ignorant of `twinspan.engine`. Next:
`twinspan.drivers`, which carries the result to the program.
"""
