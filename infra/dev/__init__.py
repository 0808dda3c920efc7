"""The system on a developer's machine: the emulator, demos, screenshots.

Deploying to an account does not belong here.
May import `package` and `release`; neither imports this one.
"""
