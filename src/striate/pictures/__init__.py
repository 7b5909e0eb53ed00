"""One picture: decoding a file's bytes to upright pixels, recording facts about it, preprocessing it to a tensor."""
