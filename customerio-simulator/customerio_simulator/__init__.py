"""A faithful local Customer.io: App API and Track API on one port, for tests, demos and CI."""

from __future__ import annotations

from customerio_simulator.client import ControlError, Simulator, start
from customerio_simulator.options import OptionError, Options
from customerio_simulator.workspace import Workspace

__all__ = ["ControlError", "OptionError", "Options", "Simulator", "Workspace", "start"]
