"""The product as a proof drives it: the command line and a server, on a database of their own. Not a proof itself."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

GATEWAY = str(Path(sys.executable).with_name("gateway"))


@dataclass
class Product:
    """`gateway` with a database in `folder`; `extra` is added to the environment."""

    folder: Path
    extra: dict[str, str] = field(default_factory=dict)

    @property
    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("GATEWAY_")}
        return kept | {"GATEWAY_DATABASE_URL": f"sqlite:///{self.database}"} | self.extra

    @property
    def database(self) -> Path:
        return self.folder / "gateway.db"

    def run(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run `gateway …` to its end."""
        done = subprocess.run([GATEWAY, *arguments], env=self.environment, capture_output=True, text=True, check=False)
        if check and done.returncode != 0:
            raise SystemExit(f"gateway {' '.join(arguments)} exited {done.returncode}:\n{done.stdout}{done.stderr}")
        return done

    def json(self, *arguments: str) -> Any:
        """What `gateway … --json` says."""
        return json.loads(self.run(*arguments, "--json").stdout)

    def account(self, name: str, *scopes: str) -> str:
        """A new account and a token of it."""
        self.run("account", "create", name)
        given = [part for scope in scopes or ("admin",) for part in ("--scope", scope)]
        return str(self.json("key", "create", "--account", name, *given)["token"])

    def start(self, *arguments: str) -> Server:
        """Start a server on a free port and wait until it is ready."""
        process = subprocess.Popen(
            [GATEWAY, "serve", "--port", "0", *arguments],
            env=self.environment | {"GATEWAY_LOG_LEVEL": "error"},
            stderr=subprocess.PIPE,
            text=True,
        )
        assert process.stderr is not None
        for line in process.stderr:
            if line.startswith("GraphiQL"):
                url = line.split()[1].removesuffix("/graphql")
                break
        else:
            process.wait(30)
            process.stderr.close()
            raise SystemExit("the server did not start")
        server = Server(process, url)
        for _ in range(200):
            try:
                server.call("/readyz")
                return server
            except OSError:
                time.sleep(0.05)
        server.stop(signal.SIGKILL)
        raise SystemExit("the server did not become ready")

    @contextmanager
    def serving(self, *arguments: str) -> Iterator[Server]:
        """A server for as long as the context lasts."""
        server = self.start(*arguments)
        try:
            yield server
        finally:
            server.stop(signal.SIGTERM)


@dataclass
class Server:
    """A running server."""

    process: subprocess.Popen[str]
    url: str

    def call(self, path: str, body: bytes | None = None, token: str | None = None, **headers: str) -> Any:
        """The JSON that the server answers."""
        request = urllib.request.Request(self.url + path, data=body, headers={"Content-Type": "application/json", **headers})
        if token is not None:
            request.add_header("Authorization", f"Bearer {token}")
        with urllib.request.urlopen(request, timeout=120) as answer:
            return json.load(answer)

    def graphql(self, token: str, query: str, **variables: Any) -> Any:
        """The data that a GraphQL document gives; an error ends the proof."""
        answer = self.call("/graphql", json.dumps({"query": query, "variables": variables}).encode(), token)
        if answer.get("errors"):
            raise SystemExit(f"GraphQL errors: {answer['errors']}")
        return answer["data"]

    def stop(self, with_signal: signal.Signals) -> None:
        """End the process and wait for it."""
        self.process.send_signal(with_signal)
        self.process.wait(30)
        if self.process.stderr is not None:
            self.process.stderr.close()


def expect(what: str, seen: Any, wanted: Any) -> None:
    """Say what was seen, and end the proof if it is not what was wanted."""
    if seen != wanted:
        raise SystemExit(f"NOT SHOWN  {what}: {seen!r}, not {wanted!r}")
    text = repr(seen)
    print(f"shown  {what}: {text if len(text) < 100 else text[:97] + '…'}", flush=True)
