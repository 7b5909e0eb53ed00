"""`python -m striate` is the same as `striate`."""

from striate.cli.main import main

if __name__ == "__main__":
    raise SystemExit(main())
