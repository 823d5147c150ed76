"""The command line: verbs only, each a few lines over the library."""


def main() -> None:
    """Run `nevus`."""
    from nevus.cli.app import main as run

    run()
