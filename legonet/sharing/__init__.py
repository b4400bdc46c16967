"""Pushes a network to a remote and pulls it from one: what travels, in which order, and what may go wrong.

Bytes go first, the list of them second, the pointer at the list last and only if it still is what was read:
so that a remote is whole at any moment, and of two who push at once one joins what the other has pushed.
"""
