"""The engine against a hostile world, in simulated time: one seed is one history, and repeats itself exactly."""
