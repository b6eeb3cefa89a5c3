"""Findings, drift, status and a diagnosis as text, JSON and HTML: strings, nothing is printed."""
