"""The JSON API, a room for each resource; each registers its own routes."""
