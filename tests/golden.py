"""Golden files: what people read, as a file that a person can review."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent / "golden"


def same_as(name: str, actual: Any) -> None:
    """`actual` equals tests/golden/NAME: a text, or a card, modal or other value as JSON.

    `GOLDEN=write pytest …` writes the file; the difference is then for a person to read.
    """
    text, path = written(actual), HERE / name
    if os.environ.get("GOLDEN") == "write":
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert path.exists(), f"tests/golden/{name} does not exist yet; `GOLDEN=write pytest` writes it, then read it"
    expected = path.read_text(encoding="utf-8")
    assert text == expected, f"tests/golden/{name} is different; if you meant it: `make golden`, then read the diff"


def written(actual: Any) -> str:
    if isinstance(actual, str):
        return actual
    value = asdict(actual) if is_dataclass(actual) and not isinstance(actual, type) else actual
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"
