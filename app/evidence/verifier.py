"""The offline verifier: checks an export's file, a checkpoint or a proof against a pinned public key, with no database.

Made to be read by whoever has to rely on it: this module, `artifact` and `trees`, Python's own library, and Ed25519
from `cryptography`. Nothing else of the gateway is imported. What is checked, and by which standard:

- signatures: Ed25519 (RFC 8032) over the canonical JSON (RFC 8785) of the statement, by a key that the caller has pinned;
- rows: leaf SHA-256(0x00 ‖ row), node SHA-256(0x01 ‖ left ‖ right), the tree of RFC 9162, section 2.1.1, a kept hash per 1,024;
- paths: RFC 9162, sections 2.1.3.2 (inclusion) and 2.1.4.2 (consistency);
- entries: leaf SHA-256(0x00 ‖ sequence ‖ microseconds since 1970, 8 bytes each, big-endian ‖ SHA-256(canonical content)).

A key that is fetched together with what it signed proves nothing: pin one that was had by another way.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from app.evidence.artifact import Row, Unreadable, csv_rows, exact, json_rows, jsonl_rows
from app.evidence.trees import BLOCK, Totals, Tree, canonical, entry_leaf, extends, hash_of, included

WORKBOOK = "xlsx"
MANIFEST = "usage-gateway/export-manifest/v1"
CHECKPOINT = "usage-gateway/checkpoint/v1"
INCLUSION = "usage-gateway/inclusion-proof/v1"
CONSISTENCY = "usage-gateway/consistency-proof/v1"


class NotProven(Exception):
    """Something does not hold: what it says is for people."""


@dataclass
class Findings:
    """What was proven, what was not looked at or cannot be proven so, and on what all of it rests."""

    proven: list[str] = field(default_factory=list)
    not_proven: list[str] = field(default_factory=list)
    trust: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    """Why it is not verified; empty where it is."""
    block: int | None = None
    """The first block of 1,024 rows that differs, counted from 1; None where none does or it cannot be told."""

    @property
    def verified(self) -> bool:
        """Whether everything that was checked holds."""
        return not self.refused


def pinned(text: str) -> dict[str, bytes]:
    """The public keys in a text, by key id: a JWK, a JWK set, or the 43 characters of a key's `x`. Raises NotProven."""
    stated = text.strip()
    try:
        found = json.loads(stated) if stated[:1] == "{" else {"kty": "OKP", "crv": "Ed25519", "x": stated}
        listed = found.get("keys", [found])
        keys = [_decoded(each["x"]) for each in listed if each.get("kty") == "OKP" and each.get("crv") == "Ed25519"]
    except (ValueError, KeyError, TypeError, AttributeError):
        keys = []
    if not keys or any(len(each) != 32 for each in keys):
        raise NotProven("the pinned key is no Ed25519 public key: neither a file, a JWK, a set of them, nor the text of its x")
    return {thumbprint(each): each for each in keys}


def thumbprint(key: bytes) -> str:
    """A key's id: the SHA-256 thumbprint of its JWK (RFC 7638)."""
    return _encoded(hashlib.sha256(canonical({"crv": "Ed25519", "kty": "OKP", "x": _encoded(key)})).digest())


def document(text: str) -> Row:
    """A document as JSON, read exactly. Raises NotProven."""
    try:
        found = exact(text)
    except Unreadable as error:
        raise NotProven(f"the document is not whole: {error}") from None
    if not isinstance(found, dict):
        raise NotProven("the document is no JSON object")
    return found


def signed(found: Any, keys: Mapping[str, bytes], kind: str) -> Row:
    """The statement of a signed document, once its signature by a pinned key is found to hold. Raises NotProven."""
    try:
        statement, signature = found["statement"], found["signature"]
        kid, value, told = signature["kid"], _decoded(signature["value"]), statement["type"]
        data = canonical(statement)
    except (KeyError, TypeError, ValueError):
        raise NotProven("the document is not a statement with a signature") from None
    if told != kind or signature.get("alg") != "EdDSA":
        raise NotProven(f"the document is not of the kind {kind}")
    if kid not in keys:
        raise NotProven(f"it was signed with the key {kid}, which is not pinned; pinned are {', '.join(sorted(keys))}")
    try:
        Ed25519PublicKey.from_public_bytes(keys[kid]).verify(value, data)
    except (InvalidSignature, ValueError):
        raise NotProven("the signature does not belong to what the document states") from None
    if _encoded(value) != signature["value"]:
        raise NotProven("the signature is spelled otherwise than it was")
    assert isinstance(statement, dict)
    return statement


def verify_export(file: Path, manifest_text: str, keys: Mapping[str, bytes], checkpoint_text: str | None = None) -> Findings:
    """Check an export's file against its manifest. Raises OSError where the file cannot be read."""
    told = Findings(trust=[f"the pinned key {each}" for each in sorted(keys)])
    try:
        manifest = signed(document(manifest_text), keys, MANIFEST)
    except NotProven as error:
        told.refused.append(f"manifest: {error}")
        return told
    told.proven.append("the manifest was signed with a pinned key, and says what it said then")
    _check_bytes(file, manifest, told)
    _check_rows(file, manifest, told)
    ledger = manifest["ledger"]
    at = f"sequence {ledger['sequence']}, root {ledger['root']}"
    told.not_proven.append("that the ledger tells all that happened, and that its senders told the truth")
    told.not_proven.append("that the rows follow from the ledger's entries: the gateway, whose key it is, says so")
    if checkpoint_text is None:
        told.not_proven.append(f"that others were shown the same ledger ({at}): give a checkpoint that was kept elsewhere")
    else:
        _check_checkpoint(checkpoint_text, keys, ledger, told)
    return told


def _check_bytes(file: Path, manifest: Row, told: Findings) -> None:
    found, size = hashlib.sha256(), 0
    with file.open("rb") as stream:
        while chunk := stream.read(1 << 20):
            found.update(chunk)
            size += len(chunk)
    if f"sha256:{found.hexdigest()}" == manifest["artifact_digest"] and size == manifest["size"]:
        told.proven.append(f"the file is the very one that was made: {size} bytes, SHA-256 {found.hexdigest()}")
    else:
        told.refused.append(f"file: its {size} bytes have SHA-256 {found.hexdigest()}, the manifest states another file")


def _check_rows(file: Path, manifest: Row, told: Findings) -> None:
    if manifest["format"] not in READERS:
        told.not_proven.append(
            f"the digest over the rows: a {manifest['format']} file cannot be read back into them; its bytes alone are compared"
        )
        return
    tree, counts, totals = Tree(manifest["subtrees"]), dict.fromkeys((each["name"] for each in manifest["sections"]), 0), Totals()
    try:
        for section, row in _rows_of(file, manifest):
            tree.add(canonical({"row": row, "section": section}))
            counts[section] += 1
            totals.add(section, row)
    except Exception as error:  # what a damaged file does to those who unpack and parse it has many names
        told.block = tree.differing or tree.rows // BLOCK + 1
        told.refused.append(f"rows: after {tree.rows} rows the file cannot be read on: {error}; {_placed(told.block)}")
        return
    tree.end()
    if f"sha256:{tree.root().hex()}" != manifest["digest"] or tree.rows != manifest["rows"]:
        told.block = tree.differing or tree.rows // BLOCK + 1
        told.refused.append(f"rows: the {tree.rows} rows give another digest; {_placed(told.block)}")
        return
    told.proven.append(f"the {tree.rows} rows, made again from the file, give the digest {manifest['digest']}")
    for section in manifest["sections"]:
        if counts[section["name"]] != section["rows"]:
            told.refused.append(f"rows: {section['name']} has {counts[section['name']]}, the manifest states {section['rows']}")
        for stated in section["totals"]:
            found = totals.of(section["name"], stated)
            if found != stated["sum"]:
                told.refused.append(f"totals: {section['name']} adds up to {found}, the manifest states {stated['sum']}")
    if not told.refused:
        told.proven.append("the rows of each section are as many as stated, and add up to the totals stated")
    elif told.refused == [each for each in told.refused if each.startswith("file:")]:
        told.refused.append("rows: all of them are as they were; what differs stands around them")


def _placed(block: int) -> str:
    return f"the first difference lies in block {block}, rows {(block - 1) * BLOCK + 1} to {block * BLOCK}"


def _check_checkpoint(text: str, keys: Mapping[str, bytes], ledger: Row, told: Findings) -> None:
    try:
        kept = signed(document(text), keys, CHECKPOINT)
    except NotProven as error:
        told.refused.append(f"checkpoint: {error}")
        return
    if (kept["ledger"], kept["sequence"]) != (ledger["ledger"], ledger["sequence"]):
        told.refused.append(f"checkpoint: it is at sequence {kept['sequence']} of {kept['account']}, the export at another point")
    elif kept["root"] != ledger["root"]:
        told.refused.append("checkpoint: it has another root than the manifest: the ledger was not the same to both")
    else:
        told.proven.append(f"the export is as of the very ledger that the checkpoint at sequence {kept['sequence']} states")
        told.trust.append("the checkpoint, if it was kept where the gateway could not reach it")


def verify_proof(text: str, keys: Mapping[str, bytes]) -> Findings:
    """Check a checkpoint, or a proof of inclusion or consistency, by itself."""
    told = Findings(trust=[f"the pinned key {each}" for each in sorted(keys)])
    told.not_proven.append("that others were shown the same ledger: compare checkpoints that were kept elsewhere")
    try:
        found = document(text)
        kind = found.get("type")
        if kind == INCLUSION:
            _check_inclusion(found, keys, told)
        elif kind == CONSISTENCY:
            _check_consistency(found, keys, told)
        else:
            at = signed(found, keys, CHECKPOINT)
            told.proven.append(f"{at['account']} had the root {at['root']} at sequence {at['sequence']}, says the pinned key")
    except NotProven as error:
        told.refused.append(str(error))
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError):
        told.refused.append("the document is not laid out as proofs are")
    return told


def _check_inclusion(found: Row, keys: Mapping[str, bytes], told: Findings) -> None:
    at = signed(found["checkpoint"], keys, CHECKPOINT)
    told.proven.append(f"the checkpoint at sequence {at['sequence']} of {at['account']} was signed with a pinned key")
    for each in found["entries"]:
        content = hashlib.sha256(canonical(each["content"])).digest()
        own = entry_leaf(each["sequence"], each["recorded_at"], content)
        path = [hash_of(node) for node in each["path"]]
        if included(own, each["sequence"] - 1, at["sequence"], path) != hash_of(at["root"]):
            raise NotProven(f"{each['id']}: its content and path do not lead to the root of the checkpoint")
        told.proven.append(f"{each['id']} with the content shown is entry {each['sequence']} of that checkpoint")
    told.not_proven.append("what the private texts of the entries said: the content has their digests alone")


def _check_consistency(found: Row, keys: Mapping[str, bytes], told: Findings) -> None:
    older, newer = signed(found["older"], keys, CHECKPOINT), signed(found["newer"], keys, CHECKPOINT)
    path = [hash_of(node) for node in found["path"]]
    same = older["ledger"] == newer["ledger"]
    if not same or not extends(older["sequence"], newer["sequence"], hash_of(older["root"]), hash_of(newer["root"]), path):
        raise NotProven("the newer checkpoint does not go on from the older one")
    told.proven.append(
        f"the {older['sequence']} entries of the older checkpoint are the first of the {newer['sequence']} of the newer one"
    )


TEXTS = {"json": json_rows, "jsonl": jsonl_rows, "csv": csv_rows}
"""By format: what reads its text back into rows."""
READERS = (*TEXTS, WORKBOOK)
"""The formats whose rows can be made again."""


def _rows_of(file: Path, manifest: Row) -> Iterator[tuple[str, Row]]:
    with file.open("rb") as plain:
        if manifest["format"] == WORKBOOK:
            from app.evidence.workbook import workbook_rows  # which takes a while to load

            yield from workbook_rows(plain, manifest)
            return
        packed = plain.read(2) == b"\x1f\x8b"
        plain.seek(0)
        stream: Any = gzip.GzipFile(fileobj=plain) if packed else plain
        with io.TextIOWrapper(stream, encoding="utf-8", newline="") as text:
            yield from TEXTS[manifest["format"]](text, manifest)


def _encoded(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def _decoded(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))
