"""Singer tap for Customer.io: reads a workspace through the App API."""
