"""Auditing a data set for `striate check`: what it holds, what is wrong with it, and which commands mend that."""
