"""Copy a search index from one node's disk to another's while its owner goes on writing.

The two ends share no disk: they speak over TCP, and nothing links one home to the other. Steps:

1. :mod:`pin <telamon.platforms.indexcopy.pin>` keeps the files of the newest commit from being deleted, by hard links
   within the source's own disk. No timer is involved: what is linked stays until it is let go.
2. :mod:`serve <telamon.platforms.indexcopy.serve>` hands them out, to whoever knows the token of this one transfer.
3. :mod:`stage <telamon.platforms.indexcopy.stage>` gathers at the target what makes the commit: what an earlier run
   had verified, what the target's own index holds, and, over TCP, the rest. Every file is verified whole and is on the
   disk before it gets its name; the commit's own file comes last.
4. :mod:`switch <telamon.platforms.indexcopy.switch>` puts the new index in place of the old one in one step.

Whatever dies at whatever line, the target's index is the old one or the new one, and a note of how far it has come is
absent or older than it. Running the same again goes on with what was verified.

Traps:
    * What an earlier run left behind is known by a lock that the kernel lets go of, never by its age.
    * Lengths and names that come over the network are checked before they touch the disk
      (:func:`telamon.indexfiles.manifest.decode`).
"""
