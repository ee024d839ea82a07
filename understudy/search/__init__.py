"""Understudy of a search server: the part of the OpenSearch REST interface that code search needs.

One process is one node that holds all its data by itself, durably: a write is acknowledged after it reached a
translog on disk (``fsync``), becomes searchable with the next refresh, and outlives ``kill -9`` at any instant.
The segments are tantivy's.

Held: ``GET /``, cluster health and the common ``_cat`` views, indices with mappings, documents with versions
and optimistic concurrency, ``_bulk``, ``_search``, ``_count``, ``_delete_by_query``, ``_refresh``, basic
authentication. Not held, and refused rather than ignored: queries and parameters not named in
:mod:`understudy.search.queries`, and clusters of several nodes; a replica asked for stays unassigned, so health
is yellow, as on a real single node.

Source: OpenSearch documentation, "REST API reference" and "Query DSL" (opensearch.org/docs).
"""
