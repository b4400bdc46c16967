"""Runs are killed in many ways; the next one that nothing disturbs ends with the same bytes as ever."""
