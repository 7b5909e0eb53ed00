"""What is asked of a picture: each kind of target, how it is checked, counted and said."""
