"""The demo: single-category networks become one modular network, one teacher at a time, with no image."""
