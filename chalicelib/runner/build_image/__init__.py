"""Prepares the image of a CodeBuild build for its one job, before the runner claims it.

Here belong the agent's pinned program and the toolchains of the image. Work of every runner, with
or without a build, belongs into `sandbox`, which this package may import; it imports no other part
of the runner.
"""
