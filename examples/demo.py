"""One photograph through the packaged models: what most people install nevus for.

    python examples/demo.py --out demo [--image photo.jpg] [--models FOLDER]

Without a photograph one is drawn. No torch, no network, nothing leaves this machine.
"""

import argparse
import sys
import webbrowser
from pathlib import Path

from nevus.cli.summaries import print_summary
from nevus.errors import NevusError, ZooError
from nevus.imaging.drawing import encode_png
from nevus.labels import NOTICE


def draw_photograph(out: Path) -> Path:
    from nevus.data.phantoms import draw_phantom

    out.mkdir(parents=True, exist_ok=True)
    path = out / "phantom.png"
    path.write_bytes(encode_png(draw_phantom(1, 3, size=(450, 600)).pixels))
    print(f"drew {path}: a picture of paint, its diagnosis means nothing")
    return path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("demo"))
    parser.add_argument("--image", type=Path, help="your own photograph")
    parser.add_argument("--models", type=Path, help="a folder of exported models")
    parser.add_argument("--open", action="store_true", help="open the report in a browser")
    arguments = parser.parse_args()
    from nevus.analyzer.folder import analyze_folder
    from nevus.analyzer.naming import find_inputs
    from nevus.analyzer.options import Options
    from nevus.analyzer.tables import write_pages, write_tables

    print(NOTICE, file=sys.stderr)
    try:
        photograph = arguments.image or draw_photograph(arguments.out)
        results = arguments.out / "results"
        options = Options(models=arguments.models)
        outcome = analyze_folder(find_inputs([photograph]), results, options)
        write_tables(outcome)
        page = write_pages(outcome, "nevus demo")
    except ZooError as error:
        way_out = "export models with `nevus export`, then: make demo MODELS=FOLDER"
        sys.exit(f"demo: {error.message}; {way_out}")
    except NevusError as error:
        sys.exit(f"demo: {error}")
    print_summary(outcome, page)
    if arguments.open:
        webbrowser.open(page.resolve().as_uri())
    sys.exit("; ".join(failure.text for failure in outcome.failures) or 0)


if __name__ == "__main__":
    main()
