"""How fast the simulator, the tap and the target are, and how fast others are: `make bench`."""
