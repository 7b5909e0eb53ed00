"""Stores of decoded pictures, in packs on disk or in memory, and ledgers of facts recorded while decoding."""
