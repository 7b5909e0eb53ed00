"""`train` and `resume`: the public verbs that write a run folder."""
