"""Reports of drills: one page that needs no script and nothing from elsewhere, and the comparison of two."""
