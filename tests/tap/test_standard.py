"""The SDK's own suite, which knows what every tap must do."""

from __future__ import annotations

import time

import pytest
from singer_sdk.testing import SuiteConfig, get_tap_test_class

from customerio_simulator import start
from tap_customerio.streams import STREAMS
from tap_customerio.tap import TapCustomerIO

from .conftest import selection

# The suite discovers streams when this module is read, and asks the server later.
_simulator = start(people=30, rate_limit=0, now=int(time.time()))


@pytest.fixture(autouse=True, scope="module")
def _stop_simulator():
    yield
    _simulator.stop()


# Properties are optional in the API, so that some are in no record; that every stream has records
# is for test_streams to show.
@pytest.mark.filterwarnings("ignore:Fields in transformed catalog but not in records:UserWarning")
@pytest.mark.filterwarnings("ignore:No records were available to test:UserWarning")
class TestTapCustomerIO(
    get_tap_test_class(
        TapCustomerIO,
        config={
            "app_api_key": _simulator.app_api_key,
            "app_api_url": _simulator.url,
            "requests_per_second": 0,
        },
        catalog=selection(*(stream.name for stream in STREAMS)),
        suite_config=SuiteConfig(max_records_limit=100),
    )
):
    """All standard tests."""
