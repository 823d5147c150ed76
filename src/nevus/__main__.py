"""`python -m nevus` is `nevus`."""

from nevus.cli import main

main()
