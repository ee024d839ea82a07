"""From the vendor's Helm charts to a stack file: every value is carried over, or listed with the reason why not.

Where to look:
    * :mod:`telamon.products.chart` and ``telamon/products/*/chart.py`` say what a chart calls things.
    * :mod:`telamon.importer.keys` holds what all charts have in common, and what becomes of it.
    * :mod:`telamon.importer.section` makes a product's section of its values, with :mod:`telamon.importer.homes` and
      :mod:`telamon.importer.running`; :mod:`telamon.importer.assemble` makes a file of the sections.
    * :mod:`telamon.importer.release` opens what Helm keeps of a live release.

Trap: values may hold passwords in plain text. None is ever carried over or shown: only names of secrets are.
"""
