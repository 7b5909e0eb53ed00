"""Zip and tar, read entry by entry and unpacked whole or not at all."""
