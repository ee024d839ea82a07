"""Search indexes as files: which belong to a commit, how each proves itself whole, and what a copy still lacks.

Both libraries that matter write the same way. Files of segments are written once and never changed; a commit is one
small file that names them, put in place by a rename after they are on the disk. So a commit can be copied while its
owner goes on writing: keep its files from being deleted, copy those that the target lacks, and write the small file
last. Nothing here touches a disk: whoever does passes in what a folder holds.

Steps of a copy, and who performs them:
    1. :func:`telamon.indexfiles.library.newest` names the files of the newest commit; the source pins them.
    2. :mod:`telamon.indexfiles.manifest` tells them to the target, each with length, checksum and a digest of its ends.
    3. :mod:`telamon.indexfiles.delta` says what to fetch, what to take from the target's own index, what to drop.
    4. :mod:`telamon.platforms.indexcopy` moves the bytes, verifies, and switches.

Traps:
    * Two nodes give files of different content the same name (``_a.cfs``), so a name alone proves nothing.
    * A manifest comes over the network: its names become paths, so they are checked before anything else.
"""
