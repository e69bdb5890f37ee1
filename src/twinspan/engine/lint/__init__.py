"""Judges an existing gateway's configuration: what in it will not work, or not when it is needed.

In: a `GatewayText`. Out: findings. Next: `lint.py`.
"""
