"""Which torch function is answered by which arithmetic."""
