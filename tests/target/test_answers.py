from __future__ import annotations

import pytest

from target_customerio.answers import judge, read_answer
from target_customerio.items import Rejection

TOO_LONG = {
    "batch_index": 1,
    "reason": "invalid",
    "field": "attributes.plan",
    "message": "property value cannot be longer than 1000 bytes",
}


def test_a_plain_200_accepts_everything():
    assert judge(read_answer(200, {}), 3) == {}
    assert judge(read_answer(200, None), 3) == {}


@pytest.mark.parametrize("status", [200, 202, 207])
def test_quirk_53_errors_on_any_2xx_reject_by_index_and_the_rest_is_accepted(status):
    assert judge(read_answer(status, {"errors": [TOO_LONG]}), 3) == {
        1: Rejection("invalid", "attributes.plan", TOO_LONG["message"], status)
    }


def test_quirk_52_several_errors_of_one_item_are_one_rejection_and_the_rest_is_accepted():
    second = TOO_LONG | {"field": "attributes.city", "message": "must be a string"}
    rejections = judge(read_answer(207, {"errors": [TOO_LONG, second]}), 3)
    assert rejections == {
        1: Rejection(
            "invalid",
            "attributes.plan",
            "property value cannot be longer than 1000 bytes; attributes.city: must be a string",
            207,
        )
    }


def test_an_absent_or_null_index_means_the_first_item():
    for index in ({}, {"batch_index": None}):
        entry = {"reason": "required", "field": "identifiers", "message": "required"} | index
        assert judge(read_answer(207, {"errors": [entry]}), 2) == {
            0: Rejection("required", "identifiers", "required", 207)
        }


@pytest.mark.parametrize("index", [2, -1, "x", [1]])
def test_an_index_that_names_no_item_leaves_the_verdict_open(index):
    assert judge(read_answer(207, {"errors": [TOO_LONG | {"batch_index": index}]}), 2) is None


def test_errors_as_null_or_empty_are_none():
    assert judge(read_answer(207, {"errors": None}), 2) == {}
    assert judge(read_answer(207, {"errors": [], "meta": None}), 2) == {}


@pytest.mark.parametrize("status", [400, 413])
def test_a_refused_body_of_several_items_leaves_the_verdict_open(status):
    assert judge(read_answer(status, {"errors": [TOO_LONG]}), 2) is None
    assert judge(read_answer(status, None), 2) is None


def test_a_refused_body_of_one_item_is_its_rejection():
    answer = read_answer(
        400,
        {"errors": [{"reason": "invalid", "field": "name", "message": "must be a string"}]},
    )
    assert judge(answer, 1) == {0: Rejection("invalid", "name", "must be a string", 400)}
    assert judge(read_answer(413, None), 1) == {
        0: Rejection("invalid", None, "Customer.io refused the item with status 413", 413)
    }


@pytest.mark.parametrize("key", ["error", "errors"])
def test_quirk_46_the_edge_says_what_is_wrong_in_meta(key):
    text = "event name cannot be longer than 100 bytes"
    content = {"meta": {key: text if key == "error" else [text]}}
    assert judge(read_answer(400, content), 1) == {0: Rejection("invalid", None, text, 400)}
    assert judge(read_answer(200, content), 2) is None
