"""Singer target for Customer.io: writes people and events through the Track API."""
