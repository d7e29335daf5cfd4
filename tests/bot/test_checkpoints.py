"""Keys, checkpoints and proofs as other programs write and read them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.checkpoints import (
    Key,
    Note,
    Proof,
    Signature,
    Unreadable,
    decoded,
    key_of,
    name_of,
    note_of,
    notes_in,
    proof_of,
)
from handlers.sealing import Signer, verify

# What others have published: the key of Go's checksum database, and the signed note in the documentation of its format.
SUMDB = "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8"
NEUMANN = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
QUOTED = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
SIGNED = "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM="
SIGNER = Signer("shop", bytes(range(32)))
NOTE = SIGNER.sign(Note(origin="shop", size=1841, root=bytes(range(32))))
PROOF = Proof(index=12, steps=(bytes(32), bytes(range(32))), note=NOTE)


def test_keys_of_others_are_read_and_written_as_they_are() -> None:
    assert [str(key_of(key)) for key in (SUMDB, NEUMANN, f" {SUMDB}\n")] == [SUMDB, NEUMANN, SUMDB]


def test_a_signature_of_others_is_verified() -> None:
    key, raw = key_of(NEUMANN), decoded(SIGNED)
    assert raw[:4] == key.id
    assert verify(key.raw, QUOTED.encode(), raw[4:])
    assert not verify(key.raw, QUOTED.replace("don't", "do").encode(), raw[4:])


@pytest.mark.parametrize("key", ["", "shop", SUMDB[:-1], SUMDB.replace("033de0ae", "033de0af"), NEUMANN[12:]])
def test_what_is_no_key_is_refused(key: str) -> None:
    with pytest.raises(Unreadable, match="key"):
        key_of(key)


def test_a_checkpoint_is_written_as_it_is_signed() -> None:
    origin, size, root, empty, signature = str(NOTE).splitlines()
    assert (origin, size, root, empty) == ("shop", "1841", "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", "")
    assert signature.startswith("— shop z3fKY")
    assert note_of(str(NOTE)) == NOTE
    assert NOTE.signer([SIGNER.key], verify) == SIGNER.key


@pytest.mark.parametrize(
    "other",
    [
        replace(NOTE, size=1842),
        replace(NOTE, root=bytes(32)),
        replace(NOTE, origin="shop2"),
        replace(NOTE, signatures=()),
        replace(NOTE, signatures=(replace(NOTE.signatures[0], id=b"1234"),)),
        replace(NOTE, signatures=(replace(NOTE.signatures[0], raw=bytes(64)),)),
        Signer("elsewhere", SIGNER.secret).sign(replace(NOTE, signatures=())),
        Signer("shop", bytes(32)).sign(replace(NOTE, signatures=())),
    ],
)
def test_what_the_key_did_not_sign_is_not_its_own(other: Note) -> None:
    assert other.signer([SIGNER.key], verify) is None


def test_a_key_signs_only_its_own_log() -> None:
    """The key's name is what the checkpoint calls the log: else a log could show the checkpoints of another."""
    raw = replace(NOTE, origin="bank", signatures=())
    made = replace(raw, signatures=SIGNER.sign(raw).signatures)
    assert made.signer([SIGNER.key], verify) is None


def test_checkpoints_are_found_in_what_was_pasted() -> None:
    fenced = f"Dana  12:03\r\n```\r\n{NOTE}```\r\n".replace("\n", "\r\n").replace("\r\r", "\r")
    quoted = "\n".join(f"> {line}" for line in str(NOTE).splitlines())
    assert list(notes_in(f"{fenced}\nand\n\n{quoted}\n")) == [NOTE, NOTE]
    assert list(notes_in(str(replace(NOTE, size=0)))) == []  # a tree without leaves proves nothing
    assert list(notes_in(str(NOTE).replace("AAECAwQ", ""))) == []
    with pytest.raises(Unreadable, match="no checkpoint"):
        note_of("1841")
    with pytest.raises(Unreadable, match="2 checkpoints"):
        note_of(f"{NOTE}\n{NOTE}")


def test_others_may_sign_beside_us() -> None:
    witness = Signature(name="witness.example", id=b"abcd", raw=bytes(72))
    cosigned = replace(NOTE, signatures=(witness, *NOTE.signatures))
    assert note_of(str(cosigned)).signer([SIGNER.key], verify) == SIGNER.key


def test_a_proof_is_read_back() -> None:
    first, index, *steps, empty = str(PROOF).splitlines()[:5]
    assert (first, index, empty) == ("c2sp.org/tlog-proof@v1", "index 12", "")
    assert [len(step) for step in steps] == [44, 44]
    assert proof_of(str(PROOF)) == PROOF
    assert proof_of(str(PROOF).replace("index", "extra AAAA\nindex")) == PROOF


@pytest.mark.parametrize(
    "text",
    [
        "",
        str(NOTE),
        str(PROOF).replace("@v1", "@v2"),
        str(PROOF).replace("index 12", "index -1"),
        str(PROOF).replace("AAAA=\n", "AAA=\n"),
        str(PROOF).partition("\n\n")[0],
        str(PROOF).replace("\n\nshop", "\nAAAA" * 65 + "\n\nshop"),
    ],
)
def test_what_is_no_proof_is_refused(text: str) -> None:
    with pytest.raises(Unreadable):
        proof_of(text)


def test_the_log_is_called_as_the_bot_is_reached() -> None:
    assert name_of("https://watch.example.com/bot/") == "watch.example.com/bot"
    assert name_of("https://a b+c.example") == "a-b-c.example"
    assert name_of("") == "watchkeeper"
    assert Key(name="x", raw=bytes(32)).short == "x+" + Key(name="x", raw=bytes(32)).id.hex()
