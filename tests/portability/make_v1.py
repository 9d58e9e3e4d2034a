"""Writes the bundles of `data/v1`; run once, when the format was fixed: `python -m tests.portability.make_v1`."""

from __future__ import annotations

import asyncio
import json

from tests.portability.sessions import elsewhere, rich_session
from tests.portability.test_format import DATA, PHRASE


async def main() -> None:
    """The same session in every form; nothing that is there is written over."""
    folder = DATA / "v1"
    folder.mkdir(parents=True)
    async with elsewhere() as here:
        session = await rich_session(here)
        for name, passphrase in (("bundle", None), ("sealed", PHRASE)):
            await session.export_full(folder / f"{name}.jsonl", passphrase=passphrase)
            bundle = await session.export_full(passphrase=passphrase)
            (folder / f"{name}.json").write_text(json.dumps(bundle, indent=1), "utf-8")


if __name__ == "__main__":
    asyncio.run(main())
