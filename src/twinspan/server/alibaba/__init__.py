"""The compatible API's door: who asks, which action, carried out by the resource service.

In: HTTP requests to the path /. Out: answers as the cloud's SDKs read them. What an action means is
`twinspan.wire.alibaba`; nothing is decided here. Next: `door.py`.
"""
