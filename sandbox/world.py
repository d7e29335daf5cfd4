"""The whole pretend world in one value: who chats, what runs, how both are measured, and the stories told of it."""

from __future__ import annotations

from dataclasses import dataclass, field

from sandbox.beyond import Phone, Terminal
from sandbox.bucket import Bucket
from sandbox.calendar import Calendar
from sandbox.clock import Clock
from sandbox.cluster import Cluster
from sandbox.managed_page import ManagedPage
from sandbox.pagerduty import PagerDuty
from sandbox.partner import Partner
from sandbox.prometheus import Prometheus
from sandbox.shop import Shop
from sandbox.slack.workspace import Workspace
from sandbox.stories import Stories


@dataclass
class Sandbox:
    clock: Clock
    workspace: Workspace
    cluster: Cluster
    shop: Shop
    prometheus: Prometheus
    pagerduty: PagerDuty = field(default_factory=PagerDuty)
    calendar: Calendar = field(default_factory=Calendar)
    terminal: Terminal = field(default_factory=Terminal)
    phone: Phone = field(default_factory=Phone)
    bucket: Bucket = field(init=False)
    stories: Stories = field(init=False)
    page: ManagedPage = field(init=False)
    partner: Partner = field(init=False)

    def __post_init__(self) -> None:
        self.bucket = Bucket(self.clock)
        self.stories = Stories(self)
        self.page, self.partner = ManagedPage(self.clock), Partner(self.clock)

    @classmethod
    def build(cls, clock: Clock) -> Sandbox:
        cluster = Cluster(clock)
        shop = Shop(clock, cluster)
        prometheus = Prometheus(shop, clock)
        cluster.analyses.ask = prometheus.values
        return cls(clock, Workspace(clock), cluster, shop, prometheus)
