"""Names of services and agents, as pages show them."""

from __future__ import annotations

from chalicelib.web.pages.filters import AGENT_LABELS, repo_name

SOURCE_LABELS = {"github": "GitHub", "linear": "Linear", "jira": "Jira", "notion": "Notion"}
"""The services that have tickets."""


def agent_label(agent_type: str, model: str | None = None) -> str:
    """Return the name of an agent, followed by its model."""
    agent = AGENT_LABELS.get(agent_type, agent_type)
    return f"{agent} · {model}" if model else agent


def repo_label(url: str | None, branch: str | None = None) -> str:
    """Return the short name of a repo, followed by its branch; an empty text without a repo."""
    if not url:
        return ""
    return f"{repo_name(url)}@{branch}" if branch else repo_name(url)
