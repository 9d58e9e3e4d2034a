"""A process that moves, and is killed at it: at each line on stdin it forks one that runs to its end, if it can.

python mover_process.py SOURCE TARGET [delete]
"""

from __future__ import annotations

import asyncio
import os
import sys
import traceback

from voxsession import migrate


def tell(line: str) -> None:
    """One write for each line: what was written before the kill is whole."""
    os.write(1, line.encode() + b"\n")


def main(source: str, target: str, *options: str) -> None:
    """Forks a mover at each line, and tells how it ended."""
    for _ in sys.stdin:
        child = os.fork()
        if child == 0:
            try:
                receipt = asyncio.run(migrate(source, target, delete_source="delete" in options))
                os._exit(3 if receipt.details else 0)
            except BaseException:
                traceback.print_exc()
                os._exit(4)
        tell(f"pid {child}")
        _, status = os.waitpid(child, 0)
        tell(f"ended {os.waitstatus_to_exitcode(status)}")


if __name__ == "__main__":
    main(*sys.argv[1:])
