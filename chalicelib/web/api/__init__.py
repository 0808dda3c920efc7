"""The JSON API, with a module for each resource that registers its routes."""
