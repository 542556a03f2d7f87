"""The `robustft` command: one module a command, each imported only when it is called for."""

import sys

from robustft.cli.stopping import leave_quietly


def main() -> None:
    """Run the command: 0 done, 1 the run failed, 2 the command, config or data is wrong, 130 stopped."""
    with leave_quietly():
        from robustft.cli.app import app
        from stores.errors import InputError, RobustFTError

        try:
            app()
        except RobustFTError as exc:
            from robustft.cli.terminal import tell_error

            tell_error(exc)
            sys.exit(2 if isinstance(exc, InputError) else 1)
