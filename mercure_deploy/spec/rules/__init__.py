"""Contradictions of a finished spec: between fields, within a platform, between apps and environments."""
