"""What the page draws itself: no emoji of the bot is left to the fonts of whoever looks, or to its name in colons."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
PAGE = ROOT / "sandbox" / "slack" / "page"
SHORT = re.compile(r"""(?<=["'\s(]):([a-z][a-z_0-9]+):(?=["'\s])""")


def test_every_emoji_of_the_bot_is_known_and_drawn() -> None:
    sources = [*(ROOT / "bot").rglob("*.py"), *(ROOT / "handlers").rglob("*.py")]
    used = {name for path in sources for name in SHORT.findall(path.read_text(encoding="utf-8"))}
    drawn = set(re.findall(r"^  (\w+): ", (PAGE / "signs.js").read_text(encoding="utf-8"), re.MULTILINE))
    table = set(re.findall(r"[\n|](\w+) (?=\S)", (PAGE / "emoji.js").read_text(encoding="utf-8")))
    assert {"warning", "electric_plug", "boom"} <= used, "it finds those that are used"
    assert used - drawn == set()
    assert used - table == set()
