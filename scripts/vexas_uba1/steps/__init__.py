"""The workflow's jobs: functions of typed options and folders, used by the command line too."""
