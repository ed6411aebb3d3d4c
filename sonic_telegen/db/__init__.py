"""The tables: their names (schema), rows to nouns and back (codec), and the one user of the Redis wrapper (store)."""
