"""The networks, one file a paper, and the catalogue that names them."""

from striate.nets.catalog.catalog import CATALOG as CATALOG
from striate.nets.catalog.entry import Entry as Entry
from striate.nets.network import build as build
