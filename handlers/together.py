"""What comes in while something is being stored is stored together: a commit costs a sync of the disk, a batch one."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from storage.store import Busy

T = TypeVar("T")


@dataclass(eq=False)
class Turn(Generic[T]):
    """One caller's items, and what came of them."""

    items: Sequence[T]
    over: bool = False
    error: Exception | None = None


class Together(Generic[T]):
    """Calls `do` with the items of everybody who waits, in the order in which they came.

    Whoever finds nobody leading leads. Each caller returns when its own items are stored, or raises what stood in the
    way of them; what only one caller's items cannot do hurts nobody else.
    """

    def __init__(self, do: Callable[[Sequence[T]], object]) -> None:
        self.do = do
        self.changed = threading.Condition()
        self.waiting: list[Turn[T]] = []
        self.led = False

    def __call__(self, items: Sequence[T]) -> None:
        mine = Turn(items)
        with self.changed:
            self.waiting.append(mine)
            self.changed.wait_for(lambda: mine.over or not self.led)
            batch, self.waiting = ([], self.waiting) if mine.over else (self.waiting, [])
            self.led = self.led or bool(batch)
        if batch:
            self.lead(batch)
        if mine.error:
            raise mine.error

    def lead(self, batch: list[Turn[T]]) -> None:
        try:
            self.store(batch)
        finally:
            with self.changed:
                for turn in batch:
                    turn.over = True
                self.led = False
                self.changed.notify_all()

    def store(self, batch: list[Turn[T]]) -> None:
        try:
            self.do([item for turn in batch for item in turn.items])
        except Busy as error:  # nobody's could be stored
            for turn in batch:
                turn.error = error
        except Exception as error:  # noqa: BLE001  # raised again by the caller whose items it was
            if len(batch) == 1:
                batch[0].error = error
                return
            for turn in batch:
                self.store([turn])
