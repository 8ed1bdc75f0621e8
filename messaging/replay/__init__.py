"""Replaying a file of texts through the carrier simulator, in both directions, and accounting for every one of them.

Each row travels twice: from a phone to one of the users' numbers (the simulator posts a signed webhook), and from that
user to another phone (composed like any text, relayed by the worker of the running copy). At the end both sides are
counted and compared by digest. A row that did not make it is named with the reason, never dropped.
"""
