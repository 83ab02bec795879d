"""The operator's door: `gateway …` on the command line, one module for each group of commands."""

from __future__ import annotations

import sys

import typer
from rich.console import Console

from app.cli import (
    accounts,
    copying,
    drifting,
    explaining,
    exports,
    formats,
    importing,
    keys,
    ledger,
    migrating,
    proving,
    rejects,
    reporting,
    schema,
    serving,
    signing,
    verifying,
)
from app.domain.errors import GatewayError, InvalidSetting
from app.observability.logs import configure

app = typer.Typer(
    name="gateway",
    help="Record usage, ask for reports, prove both.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(accounts.app, name="account", help="Accounts: one ledger each.")
app.add_typer(keys.app, name="key", help="Keys that open an account: shown once, stored hashed.")
app.add_typer(formats.app, name="format", help="Formats: how senders' payloads are read.")
app.add_typer(rejects.app, name="rejects", help="What was sent and not recorded: why, once more, or away for good.")
app.add_typer(exports.app, name="export", help="Exports: freeze a report, follow it, fetch it, hand it on, end it.")
app.add_typer(ledger.app, name="ledger", help="The ledger itself: verify it, erase personal text, correct events.")
ledger.app.command("checkpoint")(proving.checkpoint_command)
ledger.app.command("prove-inclusion")(proving.prove_inclusion_command)
ledger.app.command("prove-consistency")(proving.prove_consistency_command)
ledger.app.command("drift")(drifting.drift_command)
app.add_typer(signing.app, name="signing-key", help="Keys that the gateway signs with: public halves, rotation.")
app.command("init")(serving.init_command)
app.command("serve")(serving.serve_command)
app.command("schema")(schema.schema_command)
app.command("import")(importing.import_file_command)
app.command("why")(explaining.why_command)
app.command("report")(reporting.report_command)
app.command("verify")(verifying.verify_command)
app.command("migrate")(migrating.migrate_command)
app.command("copy")(copying.copy_command)
app.command("backup")(copying.backup_command)
app.command("restore")(copying.restore_command)


def main() -> None:
    """Run the command line; an error that a person can act on is told in one line, with exit code 2 for settings and 1 else."""
    # Commands speak for themselves; what goes wrong beneath them is told aside, and never among what they print.
    configure("warning", as_json=False)
    try:
        app()
    except GatewayError as error:
        Console(stderr=True, highlight=False).print(f"[red]error[/red] {error.code}: ", end="")
        sys.stderr.write(error.message + (f" ({error.detail})" if error.detail else "") + "\n")
        sys.exit(2 if isinstance(error, InvalidSetting) else 1)
