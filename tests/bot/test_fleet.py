"""Every server against what was approved: nothing that is unknown is ever called right."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.fleet import Approved, Authority, Container, Expected, Fleet, Instance, Listing, State, compare, summary
from tests.bot.fleet_values import (
    AMD64,
    APPROVED,
    CONFIG,
    EIGHT,
    INDEX,
    OLD,
    OTHER,
    RELEASE,
    UNAPPROVED,
    pod,
    pods,
    says,
    seven_of_eight,
)

ONE = Expected(authority=Authority.REPLICAS, count=1)
HOSTS = Expected(
    authority=Authority.INVENTORY, count=8, names=frozenset(f"checkout-{number}" for number in range(1, 9))
)


# ---------------------------------------------------------------- Knight Capital


def test_eight_of_eight_is_good() -> None:
    fleet = compare(APPROVED, EIGHT, pods())
    assert (fleet.state, fleet.matching, summary(fleet)) == (State.OK, 8, "8 of 8 servers run v42")


def test_seven_of_eight_is_bad_and_names_the_eighth() -> None:
    fleet = seven_of_eight()
    assert fleet.state is State.WRONG
    assert summary(fleet) == "7 of 8: checkout-8 runs v41"
    assert fleet.elsewhere == ("v41",)


def test_the_eighth_that_is_not_listed_is_missed() -> None:
    """All seven that can be seen are right, and that is the incident."""
    fleet = compare(APPROVED, EIGHT, pods(7))
    assert (fleet.state, fleet.missing) == (State.WRONG, ("1 more",))


def test_the_eighth_that_is_not_listed_is_named_where_names_are_known() -> None:
    fleet = compare(APPROVED, HOSTS, pods(7))
    assert (fleet.state, fleet.missing) == (State.WRONG, ("checkout-8",))


def test_expected_taken_from_the_list_that_is_checked_is_refused() -> None:
    """Whoever counts what he sees will always find all of it. The type checker refuses it, and so does the value."""
    seen = pods(7)
    with pytest.raises(TypeError, match="pods is what is checked"):
        Expected(authority=Listing.PODS, count=len(seen))  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        compare(APPROVED, seen=seen)  # type: ignore[call-arg]


def test_who_is_there_and_should_not_be() -> None:
    fleet = compare(APPROVED, HOSTS, [*pods(), pod(9)])
    assert (fleet.state, [server.name for server in fleet.stray]) == (State.WRONG, ["checkout-9"])


def test_more_than_there_should_be_is_not_good() -> None:
    fleet = compare(APPROVED, EIGHT, pods(9))
    assert (fleet.state, summary(fleet)) == (State.UNKNOWN, "9 of 8: 1 more than there should be")


def test_no_servers_at_all_are_not_good() -> None:
    assert compare(APPROVED, Expected(authority=Authority.REPLICAS, count=0), []).state is State.UNKNOWN


# ---------------------------------------------------------------- the image


SHAPES = {
    "the index, with its repository": (f"shop/checkout@{INDEX}", State.OK),
    "the manifest of a platform": (f"shop/checkout@{AMD64}", State.OK),
    "with a registry and a port": (f"registry.example:5000/shop/checkout@{INDEX}", State.OK),
    "Docker's own form": (f"docker-pullable://shop/checkout@{INDEX}", State.OK),
    "the same content in another repository": (f"mirror.example/library/copy@{INDEX}", State.OK),
    "in capitals": (f"shop/checkout@{INDEX.upper()}", State.OK),
    "a bare configuration that was approved": (CONFIG, State.OK),
    "a bare configuration that nobody approved": (OTHER, State.UNKNOWN),
    "Docker's bare configuration": (f"docker://{OTHER}", State.UNKNOWN),
    "empty, while it starts": ("", State.UNKNOWN),
    "a tag and no digest": ("shop/checkout:v42", State.UNKNOWN),
    "a digest that was cut": (f"shop/checkout@{INDEX[:40]}", State.UNKNOWN),
    "another build": (f"shop/checkout@{OTHER}", State.WRONG),
    "a build that is known as another version": (f"shop/checkout@{OLD}", State.WRONG),
    "a known other build, bare": (OLD, State.WRONG),
}


@pytest.mark.parametrize(("image_id", "state"), SHAPES.values(), ids=SHAPES)
def test_every_shape_of_an_image_id(image_id: str, state: State) -> None:
    fleet = compare(APPROVED, ONE, [pod(1, image_id=image_id)])
    assert fleet.servers[0].state is state
    assert (fleet.state is State.OK) == (state is State.OK)


def test_approved_digests_may_come_with_their_repository() -> None:
    approved = Approved(version="v42", digests=frozenset({f"registry.example/shop/checkout@{INDEX}"}))
    assert compare(approved, ONE, [pod(1)]).state is State.OK


def test_without_an_approved_digest_nothing_is_good_though_all_agree() -> None:
    fleet = compare(UNAPPROVED, EIGHT, pods())
    assert (fleet.state, fleet.known) == (State.UNKNOWN, False)
    assert fleet.notes == ("No approved digest is known for v42; compared among themselves, they run 1 build",)


def test_without_an_approved_digest_a_word_of_the_server_does_not_make_it_good() -> None:
    """The same tag is not the same build."""
    fleet = compare(UNAPPROVED, ONE, [pod(1), says(1, "v42")])
    assert fleet.state is State.UNKNOWN


def test_without_an_approved_digest_an_older_revision_is_still_wrong() -> None:
    fleet = compare(UNAPPROVED, EIGHT, [*pods(7), pod(8, OLD, older="v41")])
    assert (fleet.state, fleet.elsewhere) == (State.WRONG, ("v41",))


# ---------------------------------------------------------------- pods


def test_a_pod_of_the_old_replica_set_is_wrong_though_its_image_is_right() -> None:
    fleet = compare(APPROVED, ONE, [pod(1, older="v41")])
    assert fleet.odd[0].why == "is of the older revision v41"


def test_a_stray_pod_behind_the_service_is_wrong_though_its_image_is_right() -> None:
    fleet = compare(APPROVED, ONE, [pod(1), pod(2, stray=True)])
    assert (fleet.state, fleet.matching) == (State.WRONG, 1)


def test_without_digests_a_stray_pod_does_not_make_the_others_run_something_else() -> None:
    said = summary(compare(UNAPPROVED, EIGHT, [*pods(8), pod(9, stray=True)]))
    assert said.startswith("8 of 8: checkout-9 gets its traffic, and is not one of its servers")


def test_a_stray_pod_does_not_stand_in_for_one_that_is_missing() -> None:
    fleet = compare(APPROVED, EIGHT, [*pods(7), pod(8, stray=True)])
    assert fleet.missing == ("1 more",)


def test_what_others_still_hear_of_a_dying_pod_is_not_wrong() -> None:
    """Prometheus scrapes it for a while yet, and its page answers: neither is a ninth server with the old version."""
    dying = pod(9, OLD, ending=True)
    heard = [says(9, "v41"), says(0, "v41", Listing.VERSION_PAGE, name="dying", address="10.1.0.9")]
    assert compare(APPROVED, EIGHT, [*pods(), dying, *heard]).state is State.OK
    assert compare(APPROVED, EIGHT, [*pods(), *heard]).state is State.WRONG


def test_a_dying_pod_that_is_still_a_target_is_not_missed() -> None:
    names = frozenset(f"checkout-{n}" for n in range(1, 10))
    targets = Expected(authority=Authority.TARGETS, count=9, names=names)
    assert compare(APPROVED, targets, [*pods(), pod(9, OLD, ending=True)]).state is State.OK
    listed = replace(targets, authority=Authority.INVENTORY)
    assert compare(APPROVED, listed, [*pods(), pod(9, OLD, ending=True)]).missing == ("checkout-9",)


def test_a_pod_that_got_the_address_of_a_dying_one_is_counted() -> None:
    again = pod(8, OLD, address="10.1.0.9")
    fleet = compare(APPROVED, EIGHT, [*pods(7), again, pod(9, OLD, ending=True)])
    assert [server.name for server in fleet.odd] == ["checkout-8"]


def test_a_pod_that_is_ending_is_not_counted() -> None:
    assert compare(APPROVED, EIGHT, [*pods(), pod(9, OLD, ending=True)]).state is State.OK


def test_sidecars_that_differ_are_named() -> None:
    mesh = [Container(name="mesh", image_id=f"mesh@{digest}") for digest in (INDEX, INDEX, OTHER)]
    fleet = compare(APPROVED, EIGHT, [pod(n, others=(one,)) for n, one in enumerate(mesh, 1)])
    assert fleet.notes == (f"container mesh runs 2 builds: 2x {INDEX[:19]}, 1x {OTHER[:19]}",)


# ---------------------------------------------------------------- what servers say themselves


def test_what_several_sources_see_is_one_server() -> None:
    """By its name, or where one source knows only the address, by that."""
    address = Instance(name="10.1.0.1", listing=Listing.BUILD_INFO, address="10.1.0.1", version="v41")
    fleet = compare(APPROVED, ONE, [pod(1), address])
    assert [(server.name, server.why) for server in fleet.servers] == [("checkout-1", "runs v41")]


def test_a_host_without_images_is_right_by_what_it_says() -> None:
    fleet = compare(UNAPPROVED, HOSTS, [says(number, "v42") for number in range(1, 9)])
    assert fleet.state is State.OK


def test_the_same_version_of_another_build_is_unknown() -> None:
    said = [says(number, "v42", build="aaa" if number < 8 else "bbb") for number in range(1, 9)]
    fleet = compare(UNAPPROVED, HOSTS, said)
    assert (fleet.state, [server.name for server in fleet.odd]) == (State.UNKNOWN, ["checkout-8"])


def test_a_host_that_does_not_answer_is_unknown() -> None:
    silent = says(8, "", Listing.VERSION_PAGE, trouble="did not say its version (no answer)")
    fleet = compare(UNAPPROVED, HOSTS, [*(says(number, "v42") for number in range(1, 8)), silent])
    assert (fleet.state, fleet.known, fleet.matching) == (State.UNKNOWN, True, 7)


# ---------------------------------------------------------------- configuration


CONFIGURED = replace(APPROVED, config_hash="new")


@pytest.mark.parametrize(
    ("config_hash", "state"), [("new", State.OK), ("old", State.WRONG), ("", State.UNKNOWN)], ids=str
)
def test_the_right_build_with_another_configuration_is_not_right(config_hash: str, state: State) -> None:
    """Knight Capital's seven servers were killed by a flag that the old code understood otherwise."""
    assert compare(CONFIGURED, ONE, [pod(1, config_hash=config_hash)]).state is state


def test_the_configuration_may_come_from_any_source() -> None:
    assert compare(CONFIGURED, ONE, [pod(1), says(1, "v42", config_hash="new")]).state is State.OK


# ---------------------------------------------------------------- while a release is under way


def half(new: int, *rest: Instance) -> Fleet:
    return compare(RELEASE, EIGHT, [*pods(new), *rest])


def old(number: int, **other: Any) -> Instance:
    return pod(number, OLD, **{"older": "v41"} | other)


def test_a_release_under_way_is_counted_and_not_called_wrong() -> None:
    fleet = half(3, *(old(number) for number in range(4, 9)))
    assert (fleet.state, fleet.arrived, fleet.odd) == (State.UNKNOWN, 3, ())
    assert summary(fleet) == "under way: 3 of 8 on v42"


def test_while_it_is_under_way_not_even_a_whole_fleet_is_good() -> None:
    assert half(8).state is State.UNKNOWN


def test_a_pod_that_is_being_replaced_is_not_missing() -> None:
    fleet = half(3, *(old(number) for number in range(4, 8)))
    assert (fleet.missing, fleet.state) == (("1 more",), State.UNKNOWN)


@pytest.mark.parametrize(
    "other",
    [
        pod(8, OTHER),  # neither the one nor the other
        old(8, image_id=f"shop/checkout@{OTHER}"),  # of the old revision, and another build than that
        pod(8, OLD, older="v39"),  # of an older revision than the one that is replaced
        pod(8, OLD),  # of the new revision, and runs the old build: Knight Capital's eighth server
        pod(8, stray=True),
    ],
    ids=["other", "rebuilt", "oldest", "kept", "stray"],
)
def test_what_neither_version_explains_is_wrong_during_a_release_too(other: Instance) -> None:
    fleet = half(3, *(old(number) for number in range(4, 8)), other)
    assert fleet.state is State.WRONG
    assert [server.name for server in fleet.odd] == ["checkout-8"]
    assert summary(fleet).startswith("under way: 3 of 8 on v42, checkout-8 ")


def test_a_new_pod_is_no_stray_before_prometheus_has_heard_of_it() -> None:
    known = Expected(authority=Authority.TARGETS, count=2, names=frozenset({"checkout-1", "checkout-2"}))
    assert compare(RELEASE, known, [*pods(2), pod(3)]).stray == ()
    assert [server.name for server in compare(APPROVED, known, [*pods(2), pod(3)]).stray] == ["checkout-3"]


def test_hosts_of_the_old_version_are_to_be_replaced_by_what_they_say() -> None:
    release = replace(UNAPPROVED, leaving=replace(UNAPPROVED, version="v41"))
    builds = [says(n, "v42", build="new") for n in (1, 2, 3)] + [says(n, "v41", build="old") for n in range(4, 9)]
    fleet = compare(release, HOSTS, builds)
    assert (summary(fleet), fleet.odd) == ("under way: 3 of 8 on v42", ())


def test_without_approved_digests_the_clusters_word_counts_how_far_it_is() -> None:
    release = replace(UNAPPROVED, leaving=replace(UNAPPROVED, version="v41"))
    fleet = compare(release, EIGHT, [*pods(3), *(old(number) for number in range(4, 9))])
    assert summary(fleet) == "under way: 3 of 8 on v42"


# ---------------------------------------------------------------- always


IMAGES = st.sampled_from([INDEX, AMD64, OLD, OTHER, ""])
FLEETS = st.lists(
    st.builds(
        lambda n, digest, stray, ending, older: pod(n, digest, stray=stray, ending=ending, older=older),
        st.integers(1, 9),
        IMAGES,
        st.booleans(),
        st.booleans(),
        st.sampled_from(["", "v41"]),
    ),
    max_size=9,
)


@given(seen=FLEETS, count=st.integers(0, 9))
def test_good_is_only_what_is_whole(seen: list[Instance], count: int) -> None:
    fleet = compare(APPROVED, Expected(authority=Authority.REPLICAS, count=count), seen)
    if fleet.state is State.OK:
        assert fleet.matching == count == len(fleet.servers) > 0
        assert not fleet.odd
        assert not fleet.missing
    else:
        assert fleet.matching != count or fleet.odd or fleet.missing or fleet.surplus or not count


@given(seen=FLEETS, count=st.integers(0, 9))
def test_the_order_of_the_servers_makes_no_difference(seen: list[Instance], count: int) -> None:
    expected = Expected(authority=Authority.REPLICAS, count=count)
    there, back = compare(APPROVED, expected, seen), compare(APPROVED, expected, seen[::-1])
    assert (there.state, there.matching, there.missing) == (back.state, back.matching, back.missing)


@given(seen=FLEETS, count=st.integers(0, 9))
def test_an_unknown_server_never_makes_it_good(seen: list[Instance], count: int) -> None:
    nobody = pod(10, image_id="")
    assert compare(APPROVED, Expected(authority=Authority.REPLICAS, count=count), [*seen, nobody]).state is not State.OK
