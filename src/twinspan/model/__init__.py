"""The nouns: what a site, a circuit, a tunnel, a node's whole configuration and a node's whole report are.

Comes in: nothing. Goes out: frozen, typed values (msgspec) that every other room speaks in. Promise: no I/O, no clock,
no randomness, and no import from another room. A range, a default or a unit is declared here once and restated nowhere.
Next: `twinspan.engine`, which decides with these values, and `twinspan.wire`, which spells them for others.
"""
