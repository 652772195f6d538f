"""The dashboard: pages and their JSON twins over what `insight` answers, and the actions of persons.

`routes.py` has the table of everything that can be asked and done. Each entry serves the page, the API and
the OpenAPI document.
"""
