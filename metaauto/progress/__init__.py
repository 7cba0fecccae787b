"""Follow a running fit: events, status, lines, live views."""
