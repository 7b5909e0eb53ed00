"""Taking a training out of striate, to be run without it."""
