"""An MCP server over TLS for the tests of the client, by the protocol's official Python library.

usage: mcp_server.py CERTIFICATE KEY; prints its port when it listens, and ends with its standard input.
"""

import asyncio
import socket
import sys

import uvicorn
from mcp.server.fastmcp import FastMCP
from mcp.server.transport_security import TransportSecuritySettings

server = FastMCP(
    "desk",
    stateless_http=False,
    transport_security=TransportSecuritySettings(enable_dns_rebinding_protection=False),
)
seen = []


@server.tool()
def add(a: int, b: int) -> int:
    """Adds two numbers."""
    return a + b


@server.tool()
def fail(reason: str) -> str:
    """Fails."""
    raise ValueError(reason)


@server.tool()
def long(count: int) -> str:
    """Says much."""
    return "x" * count


@server.tool()
def secret_seen() -> str:
    """Tells whether every request had the header."""
    return "yes" if seen and all(value == "Bearer very-secret-value" for value in seen) else "no"


def watched(app):
    async def inner(scope, receive, send):
        if scope["type"] == "http":
            headers = {name.decode(): value.decode() for name, value in scope["headers"]}
            seen.append(headers.get("authorization"))
        await app(scope, receive, send)

    return inner


async def main():
    listener = socket.create_server(("127.0.0.1", 0))
    app = watched(server.streamable_http_app())
    config = uvicorn.Config(app, ssl_certfile=sys.argv[1], ssl_keyfile=sys.argv[2], log_level="warning", lifespan="on")
    running = uvicorn.Server(config)
    print(listener.getsockname()[1], flush=True)
    ended = asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    serving = asyncio.create_task(running.serve([listener]))
    await asyncio.wait({ended, serving}, return_when=asyncio.FIRST_COMPLETED)
    running.should_exit = True
    await serving


asyncio.run(main())
