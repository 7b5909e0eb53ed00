"""What is in a data set, what is wrong with it, and what would mend it (`striate check`)."""
