"""``python -m vexas_uba1``."""

from vexas_uba1.cli import main

if __name__ == "__main__":
    main()
