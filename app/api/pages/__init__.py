"""Pages for people who come by without a client: a welcome, the REST reference, the schema as a file, and the README.

They hold no row of anybody's; only a demonstration's token stands in the reference, as it does in GraphiQL.
"""

from app.api.pages.routes import routes

__all__ = ["routes"]
