"""The languages of filters and params: JMESPath, JSON Schema, ECMAScript patterns.

Prompt templates do not belong here: they are in `domain.blueprints`.
May import jmespath, jsonschema, the domain and the ports.
"""
