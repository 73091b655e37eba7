"""`python -m wssis`, which torchrun starts too."""

from wssis.cli import main

if __name__ == "__main__":
    main()
