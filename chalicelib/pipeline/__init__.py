"""Entry points of scheduled events, queue messages and build events.

Conditions do not belong here: a step decodes its message and calls one action.
May import wiring, the actions and the domain.
"""
