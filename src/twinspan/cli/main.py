"""The `twinspan` command: which subcommands there are, and how an error reaches a person.

In: arguments. Out: an exit code. 0: as wished. 1: done, but not as wished (a lab is not healthy, a drill failed).
2: bad input, or this machine cannot. 70: a mistake of ours. 130: Ctrl-C. A command's module is imported when it is
called, so that help stays fast; a new command is one line in `COMMANDS`. Next: the module of each command.
"""

from __future__ import annotations

import errno
import importlib
import sys
import traceback
from typing import Any

import click

from twinspan.model.errors import TwinspanError, Unavailable

COMMANDS: dict[str, tuple[str, str]] = {
    # name: (module:attribute, what the overview says)
    "plan": ("twinspan.cli.plan:plan", "Check a site file and print what it would make."),
    "lab": ("twinspan.cli.lab:lab", "Bring sites up in network namespaces, and break them."),
    "drill": ("twinspan.cli.drill:drill", "Break a span on purpose and measure what users lose."),
    "demo": ("twinspan.cli.demo:demo", "Lab, three drills and a report, from nothing."),
    "gateway": ("twinspan.cli.gateway:gateway", "Configure a gateway of another make, or check one."),
    "apply": ("twinspan.cli.apply:apply", "Make a server's resources as a site file says."),
    "diff": ("twinspan.cli.apply:diff", "Show what `apply` would change."),
    "destroy": ("twinspan.cli.apply:destroy", "Delete a site from a server."),
    "export": ("twinspan.cli.apply:export", "Write a server's site as a site file."),
    "get": ("twinspan.cli.resource:get", "List a server's resources."),
    "describe": ("twinspan.cli.resource:describe", "Show one resource, what uses it, who changed it."),
    "create": ("twinspan.cli.resource:create", "Make a resource."),
    "edit": ("twinspan.cli.resource:edit", "Change a resource."),
    "delete": ("twinspan.cli.resource:delete", "Delete resources."),
    "schema": ("twinspan.cli.schema:schema", "Print the JSON Schema of the site file."),
    "server": ("twinspan.cli.server:server", "Make and run a cloud server."),
    "backup": ("twinspan.cli.server_backup:backup", "Write a whole server into one file."),
    "restore": ("twinspan.cli.server_backup:restore", "Make a server of a backup."),
    "device": ("twinspan.cli.device:device", "Add, watch and reach the devices of a cloud server."),
    "cli": ("twinspan.cli.cli:cli", "Open the command line of a node on this machine."),
    "check": ("twinspan.cli.check:check", "Test the connection to the cloud over each span."),
    "doctor": ("twinspan.cli.doctor:doctor", "Say why a device cannot connect to its cloud server."),
    "agent": ("twinspan.cli.agent:agent", "Run the agent of one node."),
    "completion": ("twinspan.cli.completion:completion", "Print a script that makes your shell complete."),
}

EXIT_NOT_AS_WISHED = 1
EXIT_CANNOT = 2
EXIT_OUR_MISTAKE = 70
"""EX_SOFTWARE of sysexits.h."""
EXIT_INTERRUPTED = 130


class LazyGroup(click.Group):
    """A group that knows its commands by name and loads one only when it is needed."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names in the order in which they are declared."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command itself, imported now."""
        if cmd_name not in COMMANDS:
            return None
        module, _, attribute = COMMANDS[cmd_name][0].partition(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The overview, written without importing any command."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in COMMANDS.items()])


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 80})
@click.version_option(package_name="twinspan", message="%(prog)s %(version)s")
@click.option("--debug", is_flag=True, help="Show a traceback if Twinspan itself fails.")
def twinspan(debug: bool) -> None:
    """Keep a site connected to its cloud over two spans, a circuit and an IPsec VPN, and prove that the switch works.

    \b
    Examples:
      twinspan plan examples/01-two-spans/site.yaml
      twinspan lab up examples/01-two-spans/site.yaml
      twinspan drill silent
      twinspan lab down
    """


def main(arguments: list[str] | None = None) -> None:
    """Entry of the installed command; ends the process with the exit code."""
    sys.exit(run(sys.argv[1:] if arguments is None else arguments))


def run(arguments: list[str]) -> int:
    """Runs one command and turns every error into a sentence and a code."""
    try:
        result: Any = twinspan.main(arguments, prog_name="twinspan", standalone_mode=False)
        return result if isinstance(result, int) else 0
    except click.exceptions.Exit as leave:
        return leave.exit_code
    except click.ClickException as error:
        error.show()
        return EXIT_CANNOT
    except (click.Abort, KeyboardInterrupt):
        click.echo("Interrupted.", err=True)
        return EXIT_INTERRUPTED
    except TwinspanError as error:
        show(error)
        return EXIT_CANNOT
    except OSError as error:
        return _system_error(error, debug="--debug" in arguments)
    except Exception as error:  # noqa: BLE001  the one place where a mistake of ours meets a person
        return _our_mistake(error, debug="--debug" in arguments)


def show(error: TwinspanError) -> None:
    """One sentence for what is wrong, one for the way out."""
    click.echo(f"Error: {error.message}", err=True)
    if error.remedy:
        click.echo(f"  Way out: {error.remedy}", err=True)


def _system_error(error: OSError, *, debug: bool) -> int:
    if isinstance(error, BrokenPipeError):
        return _broken_pipe()
    if error.errno not in (errno.ENOSPC, errno.EDQUOT):
        return _our_mistake(error, debug=debug)
    where, way_out = f" for {error.filename}" if error.filename else "", "free some space where that is"
    if not where:
        way_out = "free some space where the output, the --state-dir or the lab's files go"
    show(Unavailable(f"no space is left{where}", remedy=way_out))
    return EXIT_CANNOT


def _broken_pipe() -> int:
    """Whoever read our output has left; say no more, or the interpreter complains at exit."""
    sys.stdout = open("/dev/null", "w", encoding="utf-8")  # noqa: SIM115, PTH123  stays open until the process ends
    return EXIT_NOT_AS_WISHED


def _our_mistake(error: Exception, *, debug: bool) -> int:
    if debug:
        traceback.print_exception(error)
    else:
        click.echo(f"Error: Twinspan itself failed: {type(error).__name__}: {error}", err=True)
        click.echo("  Way out: run it again as `twinspan --debug ...` and report what it shows.", err=True)
    return EXIT_OUR_MISTAKE


if __name__ == "__main__":
    main()
