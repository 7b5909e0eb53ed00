"""How anything is shown: the shell of a page, charts, pictures as data URLs, columns and curves of a terminal."""
