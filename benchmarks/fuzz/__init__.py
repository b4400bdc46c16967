"""Damaged and hostile files of every foreign format are read, each within limits of time and memory."""
