"""Twinspan keeps a site connected to its cloud over two spans and proves that the switch between them works.

Read the rooms in this order; imports only point back along it:
model <- engine | wire <- drivers | server | agent | desktops <- lab <- cli. ARCHITECTURE.md is the map.
"""
