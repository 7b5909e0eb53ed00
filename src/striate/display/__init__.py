"""Parts of pages and terminal output: page template, SVG charts, pictures as data URLs, columns, Braille curves."""
