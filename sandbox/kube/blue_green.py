"""The blue-green half of the Argo Rollouts controller: two full sets of pods and a switch between them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.kube.replicas import SCALE_DOWN_DELAY, Set

if TYPE_CHECKING:
    from sandbox.kube.argo import Turn

PRE, POST = "prePromotionAnalysisRunStatus", "postPromotionAnalysisRunStatus"


class BlueGreen:
    def __init__(self, turn: Turn) -> None:
        self.turn = turn
        self.active = (turn.old.get("blueGreen") or {}).get("activeSelector", "")
        self.pre = self.post = "Successful"
        self.fast = turn.full or self.still_running(turn.new)

    def run(self) -> None:
        turn = self.turn
        turn.plan.status["blueGreen"] = {}
        if turn.idle:
            turn.full, turn.pauses = False, []
        self.examine()
        self.switch()
        self.complete()
        self.scale()
        turn.plan.status["blueGreen"] |= {"activeSelector": self.active, "previewSelector": turn.hash}

    def examine(self) -> None:
        """The analysis before the switch, which it waits for, and the one after it, which decides what is stable."""
        turn = self.turn
        if turn.aborted:
            turn.recall("blueGreen", PRE, POST)
        if turn.idle or turn.aborted or self.fast or not turn.stable:
            return
        if block := turn.blue_green.get("prePromotionAnalysis"):
            if self.active == turn.hash:
                turn.recall("blueGreen", PRE)
            elif turn.new.ready >= turn.replicas:
                self.pre = turn.examine("blueGreen", PRE, block, "pre")
        if self.active == turn.hash and (block := turn.blue_green.get("postPromotionAnalysis")):
            self.post = turn.examine("blueGreen", POST, block, "post")

    def switch(self) -> None:
        """Send the traffic to the set that should have it.

        Nothing is switched, not even back in an abort, while the new pods are not all there: the controller asks
        that first. Pods that crash after the switch keep their traffic whatever anybody aborts.
        """
        turn = self.turn
        if turn.paused_by_user or turn.new.ready < turn.replicas:
            return
        wanted = self.active
        if turn.aborted:
            wanted = turn.stable_hash
        elif turn.idle or (self.pre == "Successful" and self.approved()):
            wanted = turn.hash
        if wanted == self.active:
            return
        service = turn.blue_green["activeService"]
        text = f"Switched selector for service '{service}' from '{self.active}' to '{wanted}'"
        turn.plan.note("SwitchService", text)
        self.active = wanted
        turn.pauses = []
        if turn.stable and not self.fast and turn.blue_green.get("postPromotionAnalysis"):
            self.post = "Pending"  # the next pass begins it

    def approved(self) -> bool:
        """Nothing is asked of a first deploy, a full promotion, or a quick way back to pods that still run."""
        turn = self.turn
        if not turn.stable or self.fast or self.active == turn.hash:
            return True
        if not turn.blue_green.get("autoPromotionEnabled", True):
            return turn.pause("BlueGreenPause", None)
        seconds = turn.blue_green.get("autoPromotionSeconds")
        return turn.pause("BlueGreenPause", seconds) if seconds else True

    def still_running(self, target: Set) -> bool:
        older = self.turn.stable is not None and target.created_at < self.turn.stable.created_at
        return older and target.deadline is not None and target.deadline > self.turn.at

    def complete(self) -> None:
        turn = self.turn
        if turn.idle or turn.aborted or self.active != turn.hash or self.post != "Successful":
            return
        turn.become_stable("Completed blue-green update" if turn.stable else "Initial deploy")

    def scale(self) -> None:
        turn = self.turn
        if turn.paused_by_user and not turn.idle:
            return
        if turn.aborted:
            turn.retire(turn.new, turn.blue_green.get("abortScaleDownDelaySeconds", SCALE_DOWN_DELAY))
        elif turn.idle or not (turn.new.deadline and turn.new.ready >= turn.replicas):
            turn.want(turn.new, turn.replicas)
        if turn.stable and turn.stable is not turn.new:
            turn.want(turn.stable, turn.replicas)
        for old in turn.others:
            turn.retire(old, turn.blue_green.get("scaleDownDelaySeconds", SCALE_DOWN_DELAY))
