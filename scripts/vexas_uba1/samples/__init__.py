"""The user's two files: the configuration and the samples sheet, read, checked and typed."""
