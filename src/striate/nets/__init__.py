"""The networks, one file a paper, the catalogue that names them, and weights for them."""

from striate.nets.catalog.catalog import CATALOG as CATALOG
from striate.nets.catalog.entry import Entry as Entry
from striate.nets.network import build as build
