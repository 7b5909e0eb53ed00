"""One picture: from a file's bytes to upright pixels, what is worth knowing of it, and the one way to a tensor."""
