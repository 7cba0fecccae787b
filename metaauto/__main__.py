"""``python -m metaauto``."""

from metaauto.cli import main

if __name__ == "__main__":
    main()
