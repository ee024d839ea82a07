"""Any clustered web application, described by a profile of one file."""
