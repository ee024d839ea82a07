"""A folder a product; :mod:`telamon.products.base` is the contract."""
