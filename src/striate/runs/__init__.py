"""Many runs at once: listed, compared, and their curves."""
