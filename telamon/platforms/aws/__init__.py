"""AWS: the folder of Terraform files, and the way from nothing to a ground that stands.

Trap: nothing here applies anything that was not approved; :mod:`telamon.platforms.approval.desk` sees to that.
"""
