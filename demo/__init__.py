"""The demo: a Customer.io workspace moves out into files, and people and events move back in."""
