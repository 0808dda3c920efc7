"""Text that leaves a job: decoded, redacted, kept until the API has it.

Files do not belong here: they are in `work.outputs`.
May import the domain; no other package of the runner.
"""
