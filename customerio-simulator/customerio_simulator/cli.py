"""The command `customerio-simulator`: its options are the attributes of `Options`."""

from __future__ import annotations

import signal
import threading
import typing as t
from dataclasses import MISSING, Field, fields

import click

from customerio_simulator.options import OptionError, Options
from customerio_simulator.server import PortTakenError, Server
from customerio_simulator.workspace import Workspace

TYPES: dict[str, t.Any] = {"int": int, "int | None": int, "str": str, "tuple[str, ...]": str}
"""How the command reads an attribute, by its declared type; the rest are flags."""


def _option(field: Field[t.Any]) -> t.Callable[[t.Any], t.Any]:
    """Turn an attribute of `Options` into an option of the command."""
    name, text = f"--{field.name.replace('_', '-')}", field.metadata["description"]
    if field.type == "bool":
        return click.option(name, is_flag=True, default=field.default, help=text)
    many = field.type == "tuple[str, ...]"
    shown = field.default not in {None, "", (), MISSING}
    return click.option(
        name,
        type=TYPES[str(field.type)],
        default=field.default,
        multiple=many,
        show_default=shown,
        help=text,
    )


def _options(command: t.Callable[..., None]) -> t.Callable[..., None]:
    for field in reversed(fields(Options)):
        command = _option(field)(command)
    return command


@click.group()
@click.version_option(package_name="customerio-simulator")
def main() -> None:
    """A faithful local Customer.io for tests, demos and CI."""


@main.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on")
@click.option("--port", default=8025, show_default=True, help="Port; 0 takes a free one")
@_options
def serve(host: str, port: int, **options: t.Any) -> None:
    """Serve both APIs on one port until SIGTERM or SIGINT."""
    try:
        server = Server(Workspace(Options(**options)), host, port)
    except (OptionError, PortTakenError) as error:
        raise click.ClickException(str(error)) from error

    def announce() -> None:
        server.ready.wait()
        click.echo(f"customerio-simulator is ready on {server.url}")

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: server.stop())
    threading.Thread(target=announce, daemon=True).start()
    server.listen()
