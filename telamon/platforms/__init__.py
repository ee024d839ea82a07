"""Adapters of the ports, a folder a platform. Platforms do not know one another."""
