"""What hub 0.24 does with given settings, without asking it: each judgement is held against the real hub."""
