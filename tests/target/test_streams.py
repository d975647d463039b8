from __future__ import annotations

import pytest

from target_customerio.errors import RunEnded
from target_customerio.streams import StreamEntries, read_entries


def test_the_first_entry_that_fits_is_the_one():
    entries = StreamEntries(
        read_entries([{"stream": "orders"}, {"stream": "crm-*"}, {"stream": "*", "event_id": "x"}])
    )
    assert entries.find("orders").stream == "orders"
    assert entries.find("crm-people").stream == "crm-*"
    assert entries.find("Orders").event_id == "x"


def test_no_entry_fits():
    assert StreamEntries(read_entries([{"stream": "a?"}])).find("abc") is None


def test_a_null_is_a_key_left_out():
    (entry,) = read_entries([{"stream": "a", "attributes": {"include": None}, "event_id": None}])
    assert entry.used_keys() == {"attributes"}
    assert entry.attributes.include is None


@pytest.mark.parametrize(
    ("entry", "text"),
    [
        ({"operation": "person_event"}, "missing required field `stream`"),
        ({"stream": "a", "evnt_name": "x"}, "unknown field `evnt_name`"),
        ({"stream": "a", "identifiers": {"object_id": "x"}}, "identifiers"),
        ({"stream": "a", "attributes": {"only": []}}, "unknown field `only`"),
        ({"stream": 5}, "Expected `str`"),
        ("a", "Expected `object`"),
        ({"stream": "a", "event_name": "x", "event_name_column": "y"}, "contradicts itself"),
        ({"stream": "a", "event_name": "x", "event_names": {"y": "z"}}, "contradicts itself"),
        ({"stream": "a", "segment_id": 1, "segment_name": "y"}, "`segment_id`, or `segment_name`"),
        ({"stream": "a", "collection_id": 1, "collection_name": "y"}, "contradicts itself"),
        ({"stream": "a", "object_type_id": "company"}, "`object_type_id` must be"),
    ],
)
def test_an_entry_that_is_not_right_ends_the_run_with_one_sentence(entry, text):
    with pytest.raises(RunEnded, match=text) as ended:
        read_entries([entry])
    assert "\n" not in str(ended.value)
    assert "`streams`" in str(ended.value)
