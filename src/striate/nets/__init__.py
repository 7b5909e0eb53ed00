"""The networks, one file a paper, and the catalogue that names them."""

from striate.nets.build import build as build
from striate.nets.catalog.catalog import CATALOG as CATALOG
from striate.nets.catalog.entry import Entry as Entry
