"""Runs the tap as `python -m tap_customerio`."""

from __future__ import annotations

from tap_customerio.tap import TapCustomerIO

TapCustomerIO.cli()
