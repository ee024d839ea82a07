"""A Kubernetes cluster as a platform: members are pods of StatefulSets, objects are manifests.

How the verbs are brought about:

* **Objects** are applied by the server, with one field manager, and only where what is there differs: a second pass
  writes nothing. Every write names the resourceVersion it was decided on, so that the API server refuses a late one.
* **A member that is to stay down** is a pod that is not scheduled: while any member is to stay down, the pod template
  has a scheduling gate of ours, and starting a member takes the gate off its pod. As soon as nobody is to stay down the
  gate leaves the template, so that pods come back by themselves also while no operator runs.
* **Traffic** goes to pods that carry the label ``telamon.dev/serving``; draining takes it off, and returns when the
  service's endpoints no longer lead there.

* **Intent and record** are custom resources and ConfigMaps (:mod:`telamon.platforms.kubernetes.store`,
  :mod:`telamon.platforms.kubernetes.journal`), and who may write at all is a Lease
  (:mod:`telamon.platforms.kubernetes.lease`).

Traps: a StatefulSet makes its pods again at once, so a member is stopped by gating the template first. A pod is never
deleted without grace, for its volume might then be written by two.

Sources: Kubernetes, "Pod Scheduling Readiness", "StatefulSets", "Server-Side Apply", "EndpointSlices".
"""
