"""Foreign systems: AWS services, GitHub, trackers, agent programs, HTTP to others.

Stores do not belong here, nor decisions of the core.
May import the domain, the ports and one library for each system; not `storage`.
"""
