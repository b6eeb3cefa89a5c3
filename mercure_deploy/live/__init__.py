"""A hub that runs: requests, tokens, and what an answer means; nothing here reads or writes files of ours."""
