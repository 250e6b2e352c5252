"""Many BAM and CRAM files in one go: a pool of processes, one table, no engine.

A sample goes through the same rooms as in the workflow (``sample``); its row goes into a table that
survives a kill (``table``); ``screening`` keeps the processes busy and takes what comes back.
"""
