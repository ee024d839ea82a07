"""What holds for every test."""

from hypothesis import settings

# No test asserts a time, so an example may take as long as a busy machine needs. A failure prints what
# reproduces it elsewhere.
settings.register_profile("telamon", deadline=None, print_blob=True)
settings.load_profile("telamon")
