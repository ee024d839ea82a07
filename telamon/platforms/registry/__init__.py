"""Registries of images: which digest a tag has just now."""
