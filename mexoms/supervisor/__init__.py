"""Starts the whole platform on one machine, keeps it up and ends it cleanly."""
