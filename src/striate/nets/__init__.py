"""The networks, one file a paper, and the catalogue that names them."""

from striate.nets.build import build as build
from striate.nets.catalog import CATALOG as CATALOG
from striate.nets.entry import Entry as Entry
