"""Text to a stack, with every problem located; and back.

Steps of :func:`~telamon.stackfile.reader.read`:
    1. :mod:`telamon.stackfile.decode` and :mod:`telamon.stackfile.compose` make a tree of the text in which every
       value knows its position.
    2. :mod:`telamon.stackfile.sources` lays overlays over what they extend and puts profiles into their place.
    3. The models check every value; :mod:`telamon.stackfile.refusals` says what they refused, and where, in our words.
    4. :mod:`telamon.stackfile.repair` puts something valid where a value was refused, so that
    5. :mod:`telamon.stackfile.rules` can check what spans values, and nothing hides anything else.

Beside it:
    * :mod:`telamon.stackfile.build` prints a stack as one flat file.
    * :mod:`telamon.stackfile.explain` and :mod:`telamon.stackfile.schema` say what may stand in a file.
    * :mod:`telamon.stackfile.rehearsal` maps any stack to the lab.

Traps:
    * No module here reads a file or a clock. Callers bring a :class:`~telamon.stackfile.sources.Loader` and a date.
    * A rule must name in ``also`` whatever its finding depends on, else it may speak of a value that repair put there.
"""
