"""See to it that a Chromium is there for the browser tests; `make test` runs this.

    python tools/install_browser.py

Where none is found, the package manager is asked for Debian's, if this is allowed: by the superuser
of a system with apt-get. Everywhere else one line says what to install. The exit code is always 0,
since the browser tests are skipped with a word where no browser is.
"""

import os
import shutil
import subprocess
import sys

NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
WITHIN = 300
"""Seconds for each command that may hang on a network."""
APT = ("apt-get", "-qq", "-o", "DPkg::Lock::Timeout=60", "-o", "Acquire::http::Timeout=20")
INSTALL = ("install", "--yes", "--no-install-recommends", "chromium")
# Fetched first: what is killed in the middle of unpacking leaves the system's packages in disorder.
COMMANDS = (
    ((*APT, "update"), WITHIN),
    ((*APT, "--download-only", *INSTALL), WITHIN),
    ((*APT, *INSTALL), None),
)


def find_browser() -> str | None:
    """Return the path of a browser the tests can use."""
    return next((found for name in NAMES if (found := shutil.which(name))), None)


def install() -> str:
    """Run the package manager; return what went wrong, or nothing."""
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command, within in COMMANDS:
        try:
            done = subprocess.run(
                command, check=False, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                errors="replace", timeout=within, env=environment,
            )  # fmt: skip
        except (OSError, subprocess.TimeoutExpired) as error:
            return f"apt-get: {type(error).__name__}"
        if done.returncode:
            lines = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
            return f"apt-get: {lines[-1]}"
    return "" if find_browser() else "apt-get: it installed no browser"


def main() -> int:
    """Say in one line how it went."""
    if found := find_browser():
        print(f"browser tests: {found}")
        return 0
    superuser = hasattr(os, "geteuid") and os.geteuid() == 0
    if not superuser or shutil.which("apt-get") is None:
        why = "no Chromium on the path"
    else:
        print("browser tests: no Chromium on the path, apt-get is asked for it", flush=True)
        if not (why := install()):
            print(f"browser tests: {find_browser()} was installed")
            return 0
    print(
        f"browser tests: SKIPPED ({why}); install Chromium (Debian: apt-get install chromium)",
        file=sys.stderr,
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
