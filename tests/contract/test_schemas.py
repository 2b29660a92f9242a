"""The rules of event schemas, and the promise that what was ever written is read for ever."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import msgspec
import pytest

from infra import schema_check
from schemas import catalogue
from schemas.accounts.events import ProfileEdited, SignedIn
from schemas.catalogue import BY_EVENT, CATALOGUE, DERIVED_TOPICS, FACT_TOPICS, avro_schema
from schemas.codec import decode, encode, schema_id_of
from schemas.follows.events import Followed
from schemas.tweets.events import TweetPosted
from tests.contract.golden.make import as_json

GOLDEN = Path(__file__).parent / "golden"


def test_the_released_schemas_keep_all_rules() -> None:
    assert schema_check.problems() == []


@pytest.mark.parametrize("schema_id", sorted(catalogue.BY_SCHEMA_ID))
def test_a_sample_of_every_schema_ever_released_decodes_to_what_it_said(schema_id: int) -> None:
    value = (GOLDEN / f"{schema_id}.bin").read_bytes()
    expected = json.loads((GOLDEN / f"{schema_id}.json").read_text(encoding="utf-8"))
    event = decode(value)
    fields = as_json(msgspec.to_builtins(event, builtin_types=(bytes,)))
    assert type(event).__name__ == expected["event"]
    assert {name: fields[name] for name in expected["fields"]} == expected["fields"]
    assert schema_id_of(value) == schema_id


def test_no_sample_belongs_to_a_schema_that_is_gone() -> None:
    assert {int(path.stem) for path in GOLDEN.glob("*.bin")} == set(catalogue.BY_SCHEMA_ID)


def test_the_newest_version_writes_the_bytes_that_it_wrote_when_it_was_released() -> None:
    for entry in CATALOGUE:
        value = (GOLDEN / f"{entry.versions[max(entry.versions)]}.bin").read_bytes()
        assert encode(decode(value)) == value


@pytest.mark.parametrize("schema_id", sorted(catalogue.BY_SCHEMA_ID))
def test_what_an_old_version_says_can_be_said_in_the_newest(schema_id: int) -> None:
    event = decode((GOLDEN / f"{schema_id}.bin").read_bytes())
    assert decode(encode(event)) == event


def test_versions_with_a_hole_and_upcasters_that_lead_nowhere_are_found() -> None:
    entries = [
        BY_EVENT[Followed]._replace(versions={1: 301, 3: 302}),
        BY_EVENT[TweetPosted]._replace(versions={1: 201, 2: 211}, upcasters={1: dict, 2: dict}),
    ]
    assert list(schema_check.misnumbered(entries)) == [
        "Followed: its versions are [1, 3]",
        "TweetPosted: an upcaster leads from version 2, which has no next one",
    ]


def test_every_event_has_a_topic_that_one_process_writes() -> None:
    assert not set(FACT_TOPICS) & set(DERIVED_TOPICS)
    assert {entry.topic for entry in CATALOGUE} == {*FACT_TOPICS, *DERIVED_TOPICS}


def _with_new_field(schema: schema_check.Schema, **field: object) -> schema_check.Schema:
    changed = copy.deepcopy(schema)
    changed["fields"].append({"name": "client", "doc": "The app.", **field})
    return changed


def test_a_field_with_a_default_may_be_added() -> None:
    schema = avro_schema(TweetPosted, 1)
    versions = {1: schema, 2: _with_new_field(schema, type="string", default="")}
    assert list(schema_check.incompatible(versions)) == []


def test_a_field_without_a_default_may_not_be_added_nor_taken_away() -> None:
    schema = avro_schema(TweetPosted, 1)
    changed = _with_new_field(schema, type="string")
    assert [p[:31] for p in schema_check.incompatible({1: schema, 2: changed})] == ["version 2 cannot read version 1"]
    assert [p[:31] for p in schema_check.incompatible({1: changed, 2: schema})] == ["version 1 cannot read version 2"]


def test_a_type_may_not_change() -> None:
    schema = avro_schema(Followed, 1)
    changed = copy.deepcopy(schema)
    changed["fields"][1]["type"] = "string"
    assert len(list(schema_check.incompatible({1: schema, 2: changed}))) == 2


def test_compatibility_is_asked_of_every_pair_not_only_of_neighbours() -> None:
    one = avro_schema(Followed, 1)
    two = _with_new_field(one, type="string", default="")
    three = _with_new_field(one, type="string")
    found = list(schema_check.incompatible({1: one, 2: two, 3: three}))
    assert [problem[:31] for problem in found] == ["version 3 cannot read version 1"]


def test_a_record_or_field_without_doc_is_found() -> None:
    schema = copy.deepcopy(avro_schema(TweetPosted, 1))
    del schema["doc"]
    del schema["fields"][0]["type"]["fields"][2]["doc"]
    assert list(schema_check.undocumented(schema)) == [
        "record TweetPosted has no doc",
        "field Envelope.actor_id has no doc",
    ]


def test_a_schema_that_is_not_like_its_class_is_found() -> None:
    schema = copy.deepcopy(avro_schema(ProfileEdited, 2))
    schema["fields"][2]["default"] = ""
    assert list(schema_check.unlike(BY_EVENT[ProfileEdited], schema)) == [
        "display_name has another default in the class"
    ]
    schema["fields"].pop()
    assert "the schema has the fields" in next(schema_check.unlike(BY_EVENT[ProfileEdited], schema))


def test_an_id_given_twice_and_a_file_left_over_are_found() -> None:
    twice = [BY_EVENT[Followed], BY_EVENT[SignedIn]._replace(versions={1: 301})]
    assert list(schema_check.duplicate_ids(twice)) == ["SignedIn.v1: schema id 301 is already that of Followed.v1"]
    assert "schemas/follows/Muted.v1.avsc: not in the catalogue" in list(schema_check.unknown_files(twice))
