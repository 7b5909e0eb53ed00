"""The catalogue of networks: one dict, assembled from one file for each family."""
