"""What every run of pytest brings along: see tools/verified.py."""

pytest_plugins = ["tools.verified"]
