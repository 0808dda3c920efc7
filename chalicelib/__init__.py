"""The service: layers from `domain`, which imports nothing of the others, up to `web`.

Each layer has a package for each feature. Scripts of the repository do not belong here.
May import what `requirements.txt` names; contracts in `pyproject.toml` hold the order of layers.
"""
