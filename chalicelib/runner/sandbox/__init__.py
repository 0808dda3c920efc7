"""The place of a job on its machine: directories, users, namespaces, limits, processes.

Git does not belong here, nor reports to the API.
May import `output` and the modules of the runner that import no package.
"""
