"""Zip and tar archives: read entry by entry, and unpacked into the cache completely or not at all."""
