"""Shared parts of tests: stages, stand-ins for programs, helpers.

Tests do not belong here, nor helpers of a single module.
May import everything but test modules.
"""
