"""Migrations of both metadatas: the keystore's and the app's. `runner` runs them, from a checkout or an installed wheel alike."""
