"""The process on a node that makes the node be what its configuration says, and says what it sees.

Comes in: one whole configuration with its generation. Goes out: one whole report with the generation it has seen.
Promise: failover needs nobody else; probes never queue behind configuration; the agent touches only what carries its
own protocol id, mark or name. Next: `twinspan.lab`, where many agents meet.
"""
