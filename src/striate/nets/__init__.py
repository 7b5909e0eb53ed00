"""The networks, one file a paper, the catalogue that names them, and weights for them."""

from striate.nets.blueprint import build as build
from striate.nets.catalog.catalog import CATALOG as CATALOG
from striate.nets.catalog.entry import Entry as Entry
