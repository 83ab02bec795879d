"""The same schema without what makes it quick: no parsed or validated document is kept, every list is completed field by field.

Started as `python -m scripts.benchmarks.stock PORT`.
"""

from __future__ import annotations

import sys

import uvicorn
from strawberry.extensions import ParserCache, ValidationCache
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from app.api.graphql.schema import schema
from app.asgi import create


def main() -> None:
    """Serve until interrupted."""
    schema.extensions = [each for each in schema.extensions if each not in (ParserCache, ValidationCache)]
    schema.execution_context_class = StrawberryGraphQLCoreExecutionContext
    config = uvicorn.Config(
        create(),
        port=int(sys.argv[1]),
        loop="uvloop",
        http="httptools",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
    )
    uvicorn.Server(config).run()


if __name__ == "__main__":
    main()
