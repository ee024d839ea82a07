"""(Stack, facts, lock) -> manifests as plain data: what the products need of a Kubernetes cluster.

:func:`~telamon.desired.kubernetes.render.bundles` is the way in. It makes a bundle for each namespace: one for each
product, one for the front door, one for the database where that is ours to prepare, and one for what has no namespace.

Traps:
    * One template stands for all nodes of a component, so whatever differs from node to node (its name, its address)
      is a reference to the node's own fields; :mod:`telamon.desired.kubernetes.environment` writes it.
    * Nothing here may differ between two runs: no time, no chance, no order of a set.
    * What nobody can know without the cluster (whether a custom resource is installed) is not guessed: objects that
      need one are in files of their own.
"""
