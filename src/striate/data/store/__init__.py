"""Pictures decoded once: packs on disk, rows in memory, and the ledger of what was learned on the way."""
