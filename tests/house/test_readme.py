"""Every command of the README runs, in the order in which it stands, and says what it is said to say."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.proofs.product import Product
from tests.databases import DATABASES

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"```console\n(.*?)```", README, re.DOTALL)
METER = re.search(r'```json\n(\{\n  "version": 1.*?)```', README, re.DOTALL)
BINARIES = str(Path(sys.executable).parent)


def script(block: str) -> str:
    """The commands of a block. Where they stand behind `$ `, the other lines are what they print, but within a here-document."""
    if not block.startswith("$ "):
        return block
    lines, inside = [], False
    for line in block.splitlines():
        if line.startswith("$ "):
            lines.append(line.removeprefix("$ "))
            inside = "<<'END'" in line
        elif inside:
            lines.append(line)
            inside = line != "END"
    return "\n".join(lines)


def printed(block: str) -> list[str]:
    """What the block is said to print."""
    told, inside = [], False
    for line in block.splitlines() if block.startswith("$ ") else []:
        if line.startswith("$ "):
            inside = "<<'END'" in line
        elif inside:
            inside = line != "END"
        else:
            told.append(line)
    return told


class Reader:
    """Somebody who goes through the README in an empty folder, with a server of their own running."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        kept = {name: value for name, value in os.environ.items() if not name.startswith("GATEWAY_")}
        self.environment = kept | {"PATH": f"{BINARIES}:{kept['PATH']}", "COLUMNS": "200"}

    def run(self, commands: str) -> list[str]:
        """What the commands print; each must end well."""
        commands = commands.replace(". .venv/bin/activate", f". {ROOT / '.venv/bin/activate'}")
        ran = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", commands],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=110,
            check=False,
        )
        assert ran.returncode == 0, f"{commands}\n{ran.stdout}\n{ran.stderr}"
        return ran.stdout.splitlines()


@pytest.fixture
def reader(tmp_path: Path) -> Reader:
    """The reader, with the files that the text speaks of."""
    assert METER is not None
    (tmp_path / "meter.json").write_text(METER[1])
    sample = {"request": {"id": "r1", "method": "GET"}, "at": 1775000000, "tenant": "acme", "bytes": "1", "status": 200}
    (tmp_path / "samples.jsonl").write_text(json.dumps(sample | {"cost": {"amount": "2.5"}}) + "\n")
    return Reader(tmp_path)


def test_there_are_the_blocks_that_this_test_knows() -> None:
    firsts = [block.split()[0] if not block.startswith("$") else "$" for block in BLOCKS]
    assert firsts == ["./scripts/serve", "$", "$", "curl", "gateway", "curl", "export", "curl", "gateway", "export"]


@pytest.mark.timeout(400)
def test_the_commands_run_in_their_order(reader: Reader) -> None:
    # The first block is what the end-to-end tests serve, the one about clients is run by `tests/clients`.
    _, first, second, follow, grouped, record, _, fetch, audit, _ = BLOCKS
    for block in (first, second):
        shown = reader.run(script(block))
        told = printed(block)
        assert [line for line in shown if line in told] == told
    reader.run(grouped)
    reader.run(audit)
    for command in re.findall(r"`(gateway (?:format save|format try) [^`]+)`", README):
        reader.run(command.replace("\n", " "))
    reader.run("gateway backup kept.db && gateway key create --account acme --scope admin --json > key.json")
    token = re.search(r'"token": "([^"]+)"', (reader.folder / "key.json").read_text())
    assert token is not None
    product = Product(reader.folder, {"GATEWAY_DATABASE_URL": f"sqlite:///{reader.folder / '.gateway/gateway.db'}"})
    with product.serving() as server:
        reader.environment["TOKEN"] = token[1]
        # It follows for ever: after two seconds it has shown that it does.
        follows = follow.replace("curl -N", "curl -sN --max-time 2").replace("http://127.0.0.1:8000", server.url)
        assert any('"cursor"' in line for line in reader.run(f"{follows.rstrip()} || [[ $? == 28 ]]"))
        assert '"duplicate":3' in "".join(reader.run(record.replace("http://127.0.0.1:8000", server.url)))
        listed = "\n".join(reader.run("gateway export list --account acme"))
        export = re.search(r"rptx_[0-9a-f]+", listed)
        assert export is not None
        link = reader.run(f"gateway export link {export[0]} --account acme --json")
        url = re.search(r'"url": "([^"]+)"', "\n".join(link))
        assert url is not None
        reader.environment["LINK"] = re.sub(r"https?://[^/]+", server.url, url[1])
        reader.run(fetch)


async def test_a_server_is_made_ready_as_it_says(reader: Reader) -> None:
    url = await DATABASES.new()
    commands = (
        BLOCKS[-1].replace("postgresql://gateway:password@db.example/usage", url).replace("gateway serve\n", "gateway init\n")
    )
    reader.run(commands)
