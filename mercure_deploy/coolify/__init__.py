"""Coolify's HTTP API: what an instance has, what it ought to have, and the calls between the two; no files of ours."""
