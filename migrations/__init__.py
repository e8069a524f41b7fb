"""Migrations of both metadatas: the keystore's and the app's. `runner` runs them, from a checkout or an installed wheel alike."""

NEWEST = "0003"  # what this version of the program needs; a test holds it against the files
