"""One module for each foreign thing: BIRD, strongSwan, the kernel's links and routes, nftables, dnsmasq, probe sockets.

Comes in: rendered text or one typed order. Goes out: what the foreign thing says of itself, as typed values. Promise: a
driver carries and observes and never decides, and the foreign thing's own errors stop here. Next: `twinspan.agent`,
which decides when to call.
"""
