"""Many runs: listed, compared, their curves."""
