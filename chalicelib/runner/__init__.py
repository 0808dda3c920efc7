"""The job of a run: clone, setup, agent, push; outside AWS, speaking HTTPS to our API only.

Belongs here: what happens on the machine that does the work. Does not: what a run means (the
domain), or what becomes of its report (the pipeline). May import the domain, the agents and the
standard library: a runner needs nothing installed but Python, git and the agents.

`worker` asks for jobs and starts one process of `job` for each; that process does the work and
ends everything that it started, whatever happens to its parent.
"""
