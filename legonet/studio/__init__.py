"""The studio: the transplant network in the browser."""
