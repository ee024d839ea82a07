"""AWS: the folder of Terraform files, and the real ``terraform`` that works on it.

Trap: nothing here applies anything by itself. What may be applied is for approvals to say.
"""
