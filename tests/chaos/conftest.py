"""The fleets of storms are those of the fleet's tests."""

from fleet.conftest import start_fleet as start_fleet
