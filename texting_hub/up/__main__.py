"""`python -m texting_hub.up COMMAND`: what `./hub` runs once the environment is there."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from texting_hub.up import commands, testing
from texting_hub.up.ports import DEFAULT_PORT
from texting_hub.up.terminal import complain
from texting_hub.up.words import Trouble, _


def parser() -> argparse.ArgumentParser:
    """The command line. What follows `manage` and `test` belongs to those programs and is not read here."""
    root = argparse.ArgumentParser(prog="./hub", allow_abbrev=False)
    chosen = root.add_subparsers(dest="command", required=True, metavar="COMMAND")

    up = chosen.add_parser("up", help=_("start everything"), allow_abbrev=False)
    up.add_argument("--port", type=int, default=DEFAULT_PORT, help=_("of the pages; the simulator takes the next one"))
    up.add_argument(
        "--no-demo", dest="demo", action="store_false", help=_("no demonstration organization, no simulator")
    )
    up.set_defaults(run=commands.up)
    down = chosen.add_parser("down", help=_("stop the running copy"), allow_abbrev=False)
    down.set_defaults(run=commands.down)
    status = chosen.add_parser("status", help=_("what runs, and who may sign in"), allow_abbrev=False)
    status.add_argument("--json", action="store_true", help=_("for programs"))
    status.set_defaults(run=commands.status)
    backup = chosen.add_parser("backup", help=_("write one encrypted file of everything"), allow_abbrev=False)
    backup.add_argument("file", type=Path, metavar="FILE", help=_("or a folder: the file is then named by the time"))
    backup.add_argument("--recipient", action="append", default=[], metavar="age1...", help=_("who can open it"))
    backup.add_argument("--no-verify", dest="verify", action="store_false", help=_("do not open it again to check"))
    backup.set_defaults(run=commands.backup)
    restore = chosen.add_parser("restore", help=_("bring a backup back"), allow_abbrev=False)
    restore.add_argument("--replace", action="store_true", help=_("set aside what is there; nothing is deleted"))
    restore.add_argument("--check", action="store_true", help=_("only check the backup"))
    restore.set_defaults(run=commands.restore)
    verify = chosen.add_parser("verify-backup", help=_("check a backup and say what is in it"), allow_abbrev=False)
    verify.set_defaults(run=commands.verify_backup)
    for command in (restore, verify):
        command.add_argument("file", type=Path, metavar="FILE", help=_("the backup"))
        command.add_argument("--identity", type=Path, metavar="FILE", help=_("an age identity that opens it"))
    for command in (backup, restore, verify):
        command.add_argument("--passphrase-file", type=Path, metavar="FILE", help=_("its first line opens or locks it"))
    for command in (up, down, status, backup, restore, verify):
        command.add_argument("--data", type=Path, default=commands.chosen_folder(), help=_("the data folder"))
    return root


def main(arguments: list[str]) -> int:
    """The exit code. Trouble, and a full or read-only disk, are told in a sentence, without a traceback."""
    try:
        if arguments[:1] == ["manage"]:
            commands.manage(arguments[1:])
        if arguments[:1] == ["test"]:
            return testing.test(arguments[1:])
        options = parser().parse_args(arguments)
        code: int = options.run(options)
    except Trouble as trouble:
        complain(str(trouble))
        return 1
    except OSError as error:
        complain(_("The system refused: %(why)s") % {"why": error})
        return 1
    except KeyboardInterrupt:
        return 130
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
