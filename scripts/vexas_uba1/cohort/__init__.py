"""What the samples say together: carry-over within a run, and the series of all samples."""
