"""What metaauto's own metafeature extractors compute, one file per kind of description."""
