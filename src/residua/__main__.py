"""`python -m residua`: the command line where the `residua` script is not on the path."""

from residua.cli.app import main

if __name__ == "__main__":
    main()
