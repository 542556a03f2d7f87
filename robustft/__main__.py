"""`python -m robustft` is the `robustft` command."""

from robustft.cli import main

if __name__ == "__main__":
    main()
