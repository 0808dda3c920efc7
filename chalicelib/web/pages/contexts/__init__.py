"""The variables of the dashboard's templates: one frozen class for each template.

A context holds ready values: words, tones, permissions and sums are decided here, not in Jinja.
Contexts import the domain and the queries, but neither requests nor responses.
"""
