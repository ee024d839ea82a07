"""Copies of a search index under writes and kills, judged by the library that wrote it.

What an index must hold is a pure function of how far it has come (:mod:`bench.indexes.content`), so the judge needs
nobody's word: it opens the copy with the index library, reads its mark, and compares document by document.
"""
