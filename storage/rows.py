"""Nouns become rows and rows become nouns: by their fields' names and types, with nothing written by hand."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from enum import Enum
from functools import cache
from typing import Any, TypeVar, get_origin, get_type_hints

from sqlalchemy import RowMapping, Table
from sqlmodel import SQLModel

from bot.decision import Noun
from bot.model import (
    Alert,
    Assignment,
    Change,
    Checkpoint,
    Delivery,
    Drill,
    Duty,
    Entry,
    Event,
    Evidence,
    Export,
    Finding,
    Freeze,
    Gate,
    Heard,
    Heartbeat,
    Hold,
    Home,
    Incident,
    Link,
    LiveCard,
    Maintenance,
    Mark,
    Message,
    Page,
    Pass,
    Poll,
    Post,
    Postmortem,
    PublicUpdate,
    Question,
    Reach,
    Request,
    Role,
    Sighting,
    Silence,
    Skew,
    Stable,
    Subscription,
    Suspension,
    Task,
    Tile,
    Unparsed,
    Update,
    VendorPage,
    VendorStatus,
    Vigil,
    Vote,
)
from storage import tables

T = TypeVar("T")
Convert = Callable[[Any], Any]

ROWS: Mapping[type, type[SQLModel]] = {
    Alert: tables.AlertRow,
    Assignment: tables.AssignmentRow,
    Change: tables.ChangeRow,
    Checkpoint: tables.CheckpointRow,
    Delivery: tables.DeliveryRow,
    Drill: tables.DrillRow,
    Duty: tables.DutyRow,
    Entry: tables.EntryRow,
    Event: tables.EventRow,
    Evidence: tables.EvidenceRow,
    Export: tables.ExportRow,
    Finding: tables.FindingRow,
    Freeze: tables.FreezeRow,
    Gate: tables.GateRow,
    Heard: tables.HeardRow,
    Heartbeat: tables.HeartbeatRow,
    Hold: tables.HoldRow,
    Home: tables.HomeRow,
    Incident: tables.IncidentRow,
    Link: tables.LinkRow,
    LiveCard: tables.LiveCardRow,
    Mark: tables.MarkRow,
    Maintenance: tables.MaintenanceRow,
    Message: tables.MessageRow,
    Page: tables.PageRow,
    Pass: tables.PassRow,
    Poll: tables.PollRow,
    Post: tables.PostRow,
    Postmortem: tables.PostmortemRow,
    PublicUpdate: tables.PublicUpdateRow,
    Question: tables.QuestionRow,
    Reach: tables.ReachRow,
    Request: tables.RequestRow,
    Sighting: tables.SightingRow,
    Silence: tables.SilenceRow,
    Skew: tables.SkewRow,
    Stable: tables.StableRow,
    Subscription: tables.SubscriptionRow,
    Suspension: tables.SuspensionRow,
    Task: tables.TaskRow,
    Tile: tables.TileRow,
    Unparsed: tables.UnparsedRow,
    Update: tables.UpdateRow,
    VendorPage: tables.VendorPageRow,
    VendorStatus: tables.VendorStatusRow,
    Vigil: tables.VigilRow,
    Vote: tables.VoteRow,
}


def table(noun: type) -> Table:
    """Where nouns of this class are kept. Raises TypeError for a class that is never saved."""
    if noun not in ROWS:
        raise TypeError(f"{noun.__name__} is not a noun that is saved")
    return tables.table_of(ROWS[noun])


@cache
def hints_of(noun: type) -> Mapping[str, Any]:
    return get_type_hints(noun)


def is_versioned(noun: type) -> bool:
    """A Stable's `version` is that of a build; only a counter is an int."""
    return hints_of(noun).get("version") is int


def id_of(noun: Noun) -> str:
    return noun.key if isinstance(noun, Alert | Change | VendorStatus) else noun.id


def to_row(noun: Noun | Entry) -> dict[str, Any]:
    """The values of a noun's columns. An `id` that is derived from other fields is written out."""
    return {name: encode(getattr(noun, name)) for name, encode in ENCODERS[type(noun)].items()}


def to_noun(noun: type[T], row: RowMapping) -> T:
    return noun(**{name: decode(row[name]) for name, decode in DECODERS[noun].items()})


def _same(value: Any) -> Any:
    return value


def _value(value: Enum) -> Any:
    return value.value


def _encoder(hint: Any) -> Convert:
    if isinstance(hint, type) and issubclass(hint, Enum):
        return _value
    if hint is Role:
        return str
    return list if get_origin(hint) is tuple else _same


def _decoder(hint: Any) -> Convert:
    if get_origin(hint) is tuple:
        return tuple
    return hint if isinstance(hint, type) and issubclass(hint, Enum | Role) else _same


def _encoders(noun: type) -> dict[str, Convert]:
    hints = hints_of(noun)
    return {column.name: _encoder(hints.get(column.name)) for column in table(noun).c}


def _decoders(noun: type) -> dict[str, Convert]:
    hints = hints_of(noun)
    return {field.name: _decoder(hints[field.name]) for field in fields(noun)}


ENCODERS: Mapping[type, Mapping[str, Convert]] = {noun: _encoders(noun) for noun in ROWS}
DECODERS: Mapping[type, Mapping[str, Convert]] = {noun: _decoders(noun) for noun in ROWS}
VERSIONED = frozenset(noun for noun in ROWS if is_versioned(noun))
