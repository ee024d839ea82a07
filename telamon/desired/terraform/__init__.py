"""(Stack, products) -> Terraform as data: everything below Kubernetes on AWS.

Five layers, each with a state of its own, so that a change of one cannot break the others:

==============  ===================================================================================
``network``     VPC, subnets over all zones, routes, endpoints, flow logs, the bucket for logs
``cluster``     EKS, its nodes, add-ons, the roles of pods, image registries
``data``        database, shared homes, backups
``edge``        names, certificates, balancers, the network for static files
``operations``  trail, alarms, configuration rules, what undoes changes made by hand, budget
==============  ===================================================================================

Before them comes ``state``, the bucket that keeps their states; its own is a local file, because a bucket cannot keep
the state of its own making.

:func:`~telamon.desired.terraform.render.files` is the way in. A layer takes what an earlier one made as declared
inputs (see :class:`~telamon.desired.terraform.data.Input`), never by reading its state.

Traps:
    * Nothing here may need AWS for a plan: zones, partition and account come from the file, not from data sources.
    * A name that changes destroys and makes anew, unless :mod:`telamon.desired.terraform.moves` says where it went.
    * ``default_tags`` do not reach machines and disks that a launch template makes; it names them itself.
"""
