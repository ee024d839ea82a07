"""A real Kubernetes control plane on one machine, for tests: built from Go modules, up in seconds, gone at the end.

Steps: :mod:`testbed.build` makes the programs once per version, in a cache outside of the checkout;
:mod:`testbed.control_plane` starts etcd, the API server and the controller manager as children, each on a port that was
found free, with certificates of their own.

It shares no code with the engine, which is to meet it as it would meet any cluster: through a kubeconfig.
"""
