"""Run the demo: `make demo`, or `python -m demo`."""

from __future__ import annotations

import collections
import os
import shutil
import signal
import sys
import time
import typing as t
from pathlib import Path

import click
import duckdb
import requests

from demo import processes, report

SINGER_FILE = processes.ROOT / "demo" / "crm.singer"
QUERY = Path(__file__).with_name("query.sql")
WORKSPACE = {"seed": 7, "people": 5000, "activities": 5000, "messages": 5000, "campaigns": 15}
SECONDS_PER_CALL = 60


class Demo:
    """The steps of the demo over one simulator and one folder.

    Args:
        url: The simulator.
        output: The folder that keeps files, rejects, state and logs.
    """

    def __init__(self, url: str, output: Path) -> None:
        self.url = url
        self.output = output
        self.files = output / "files"
        self.rejects = output / "rejected-records"
        self.settings = {
            "MELTANO_STATE_BACKEND_URI": f"file://{output}/state",
            "TAP_CUSTOMERIO_APP_API_URL": url,
            "TARGET_CUSTOMERIO_TRACK_API_URL": url,
            "TARGET_CUSTOMERIO_REJECTED_RECORDS_PATH": str(self.rejects),
            "TARGET_JSONL_DESTINATION_PATH": str(self.files),
            "SINGER_FILE_PATH": str(SINGER_FILE),
        }

    def ask(self, what: str) -> list[report.Call]:
        """Ask the simulator's control endpoint for a list."""
        answer = requests.get(f"{self.url}/simulator/{what}", timeout=SECONDS_PER_CALL)
        answer.raise_for_status()
        return t.cast("list[report.Call]", answer.json())

    def run(self, *blocks: str, step: str, expected: int = 0) -> list[report.Call]:
        """Run a pipeline with Meltano.

        Args:
            blocks: The plugins of the pipeline.
            step: A name for its log.
            expected: The exit code that the step ends with.

        Returns:
            The calls that it cost.

        Raises:
            StepError: The pipeline ended otherwise.
        """
        click.echo(f"$ meltano run {' '.join(blocks)}")
        log = self.output / "logs" / f"{step}.log"
        before, started = len(self.ask("calls")), time.monotonic()
        code = processes.meltano_run(*blocks, settings=self.settings, log=log)
        if code != expected:
            msg = f"Meltano ended with exit code {code}: see {shown(log)}"
            raise processes.StepError(msg)
        click.echo(f"  exit code {code} after {time.monotonic() - started:.1f} s\n")
        return self.ask("calls")[before:]

    def extract(self, step: str) -> int:
        """Run the tap into files, and print what each stream brought and cost.

        Returns:
            The number of requests.
        """
        before = report.rows_of(self.files)
        costs = report.requests_and_seconds(self.run("tap-customerio", "target-jsonl", step=step))
        rows = report.rows_of(self.files)
        rows.subtract(before)
        requests_made = sum(count for count, _ in costs.values())
        lines = [
            (stream, rows[stream], *costs.get(stream, (0, 0.0)))
            for stream in sorted(rows.keys() | costs.keys())
        ]
        header = ("stream", "rows", "requests", "seconds")
        click.echo(report.table(header, [*lines, ("total", rows.total(), requests_made, "")]))
        return requests_made

    def query(self) -> None:
        """Ask the files one question in SQL, and print the answer."""
        query = QUERY.read_text(encoding="utf-8").replace("{files}", shown(self.files))
        answer = duckdb.execute(query)
        click.echo(query)
        header = [column[0] for column in answer.description or ()]
        click.echo(report.table(header, answer.fetchall()))

    def load(self) -> None:
        """Send people and events, and print what arrived and what was rejected, and why."""
        sent = collections.Counter(
            message["stream"] for message in report.singer_records(SINGER_FILE)
        )
        before = {
            "person_identify": len(self.ask("people")),
            "person_event": len(self.ask("events")),
        }
        click.echo("Some records are wrong on purpose, and any reject ends a run with exit code 1.")
        self.run("singer-file", "target-customerio", step="3-file-to-customerio", expected=1)
        after = {
            "person_identify": len(self.ask("people")),
            "person_event": len(self.ask("events")),
        }

        files = sorted(self.rejects.glob("*.singer.jsonl"))
        rejects = [message for path in files for message in report.singer_records(path)]
        rejected = collections.Counter(message["stream"] for message in rejects)
        header = ("stream", "records", "arrived", "rejected")
        lines = [
            (stream, count, after[stream] - before[stream], rejected[stream])
            for stream, count in sent.items()
        ]
        click.echo(report.table(header, lines))
        reasons = [message["rejection"] for message in rejects]
        whys = [(why["operation"], why["field"] or "", why["message"]) for why in reasons]
        click.echo(f"\n{report.table(('rejected', 'field', 'why'), whys)}\n")
        for path in files:
            command = f"SINGER_FILE_PATH={shown(path)} .venv/bin/meltano run file-to-customerio"
            click.echo(f"  The rejected records lie in {shown(path)}")
            click.echo("  Mend them there and, with `make simulator` running, send them again:")
            click.echo(f"    {command}")


def heading(title: str, note: str = "") -> None:
    """Open a step of the demo."""
    click.secho(f"\n{title}", bold=True, nl=False)
    click.echo(f": {note}" if note else "")


def shown(path: Path) -> str:
    """Write a path as short as it can be from where the demo was started."""
    return os.path.relpath(path) if path.is_relative_to(Path.cwd()) else str(path)


def leave(number: int, _frame: object) -> t.NoReturn:
    """End on a signal by way of every `finally`, so that nothing goes on running."""
    sys.exit(128 + number)


@click.command(name="demo")
@click.option(
    "--output",
    type=click.Path(path_type=Path, file_okay=False),
    default=processes.ROOT / "demo-output",
    help="Folder for files, rejects, state and logs, emptied first. [default: demo-output]",
)
def main(output: Path) -> None:
    """Move a local Customer.io workspace out into files, and people and events back in."""
    signal.signal(signal.SIGTERM, leave)
    output = output.resolve()
    shutil.rmtree(output, ignore_errors=True)
    for folder in ("files", "logs", "state"):
        (output / folder).mkdir(parents=True)

    try:
        options = [f"--{name}={value}" for name, value in WORKSPACE.items()]
        with processes.simulator(output / "logs" / "simulator.log", *options) as url:
            demo = Demo(url, output)
            heading("1. A workspace moves out into files", f"a local Customer.io runs at {url}")
            first = demo.extract("1-first-run")
            heading("2. The files answer a question")
            demo.query()
            heading("3. A second run asks for what is new")
            second = demo.extract("2-second-run")
            saved = first - second
            click.echo(f"\n  {saved} of {first} requests saved ({saved / first:.0%})")
            heading("4. People and events move back in", f"from {shown(SINGER_FILE)}")
            demo.load()
    except processes.StepError as failure:
        raise click.ClickException(str(failure)) from failure

    heading("Left behind", f"files, rejects, state and logs in {shown(output)}")
    click.echo("Query the files with DuckDB, for instance:")
    query = f"FROM '{shown(demo.files)}/campaigns.jsonl'"
    click.echo(f'  .venv/bin/python -c "import duckdb; print(duckdb.sql(\\"{query}\\"))"')


if __name__ == "__main__":
    main()
