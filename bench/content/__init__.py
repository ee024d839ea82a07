"""What the benchmarks put into each product, the mix of requests they send it, and how they read writes back.

Everything goes through the products' public REST routes and pages, as a script or a browser would use them. Each mix
keeps the shares of the vendor's DC App Performance Toolkit for Jira (view 34, search 11, dashboard 10, browse 9,
write 9 per cent) as far as a product has such pages, with 12 per cent of writes, and a few requests that belong to no
session, which show when a member serves new users.
"""
