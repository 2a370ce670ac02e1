"""Programs: captured, transformed, interpreted or compiled, found again and dispatched to."""
