"""Long work of the lab: each job a process of its own, which a dying controller does not take with it.

Steps: :class:`~telamon.platforms.lab.works.desk.WorkDesk` writes a job down and starts
``python -m telamon.platforms.lab.works STATE COMPONENT JOB``; that process reads the lab as it is installed, does the
work, and writes how far it is and how it ended; every observation reads that.
"""
