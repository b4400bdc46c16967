"""All that is known of each operation, one row each, in files by family."""
