"""Talking to a hub that runs: one exchange, a stream, tokens, what an answer means, the proof before a promotion."""
