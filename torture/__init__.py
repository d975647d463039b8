"""The machine that tries to break tap and target: `make torture`.

Every round draws from the seed what goes wrong and when, runs the programs as processes against a
local Customer.io, and compares what came out with what was put in. Nothing here asks the code of
tap or target what is right: rows are held to a reader of its own, deliveries to what the simulator
has received.
"""
