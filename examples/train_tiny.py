"""The whole of task 1 in a minute: draw a data set, train, predict, score, look.

    python examples/train_tiny.py --out demo/train

The pictures are drawn, the network is tiny: this shows that everything runs, nothing else.
"""

import argparse
import webbrowser
from pathlib import Path

from nevus.data.phantoms import write_phantoms
from nevus.data.records import find_records
from nevus.evaluation.pages import GalleryItem, pick_cases, write_gallery
from nevus.evaluation.scores import score_segmentation
from nevus.imaging.masks import read_scored, read_truth
from nevus.imaging.reading import read_image
from nevus.inference.network import load_network
from nevus.inference.predictor import predict_folder
from nevus.labels import NOTICE, segmentation_name
from nevus.recipe import read_recipe
from nevus.training.split import read_split
from nevus.training.train import TrainOptions, train


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("demo/train"))
    parser.add_argument("--minutes", type=float, default=1.0)
    parser.add_argument("--open", action="store_true", help="open the page in a browser")
    arguments = parser.parse_args()
    out: Path = arguments.out
    print(NOTICE)
    if not (out / "data").is_dir():
        print("drawing 80 photographs ...")
        write_phantoms(out / "data", 80, tasks=("segmentation",), seed=1)
    print("training segmentation-tiny ...")
    options = TrainOptions(
        data=out / "data", out=out / "run", resume=True, max_minutes=arguments.minutes
    )
    outcome = train(read_recipe("segmentation-tiny"), options)
    print(f"{outcome.step} of {outcome.total} steps, best metric {outcome.best}")
    network = load_network(out / "run" / "last.safetensors")
    held_out = set(read_split(out / "run" / "split.json").validation)
    records = [one for one in find_records(out / "data") if one.image_id in held_out]
    masks = out / "masks"
    failures = predict_folder(
        network, [record.image for record in records], masks, steps=network.options.steps
    )
    scores = score_segmentation(out / "data", masks, subset=True)
    groups = zip(("Best", "Middle", "Worst"), pick_cases(scores.per_image, 4), strict=True)
    items = [
        GalleryItem(
            image_id=record.image_id,
            pixels=read_image(record.image).pixels,
            truth=read_truth(record.mask).mask,
            prediction=read_scored(masks / segmentation_name(record.image_id)),
            score=scores.per_image[record.image_id]["jaccard"],
            group=group,
        )
        for group, chosen in groups
        for record in records
        if record.image_id in chosen and record.mask is not None
    ]
    page = out / "gallery.html"
    write_gallery(page, items, title="nevus demo: drawn photographs", summary=scores)
    print(
        f"threshold Jaccard {scores.means['threshold_jaccard']:.3f}, n = {scores.n} drawn, held out"
    )
    print(f"{len(failures)} failures; look at {page.resolve().as_uri()}")
    if arguments.open:
        webbrowser.open(page.resolve().as_uri())


if __name__ == "__main__":
    main()
