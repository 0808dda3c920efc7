"""The check of the project's English: `python -m infra.prose`.

Here belong the rules (`rules/*.toml`, one per file) and the readers of the texts they apply to.
Spelling is codespell's part. The package imports the standard library alone.
"""
