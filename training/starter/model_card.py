"""The model card of a set of weights: what its card.json says, as a page for people."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import Any

Card = Mapping[str, Any]


def render(card: Card, parameters: int, picture: str = "") -> str:
    """README.md of a starter's card; `picture` is the address of its picture of failures, seen from the page."""
    parts = [
        heading(card, parameters),
        figures(card),
        forms(card),
        subject(card),
        training(card),
        sources(card),
        weaknesses(card, picture),
    ]
    return "\n".join(part for part in parts if part)


def prose(text: str) -> str:
    """A paragraph, filled to the page's width."""
    return textwrap.fill(" ".join(text.split()), 120, break_long_words=False, break_on_hyphens=False)


def heading(card: Card, parameters: int) -> str:
    return f"""# Starter weights: model card
What StickerSnap cuts with on the first day, before it has learnt from its users' corrections. This page is written from
`card.json` by `{card["card_command"]}`.

| | |
|---|---|
| network | `{card["network"]}`: {card["architecture"]}; {parameters:,} parameters |
| file | `weights.safetensors`, 16-bit floats, {card["bytes"] / 1e6:.1f} MB |
| name | `{card["sha256"]}` |
| input | the photo squashed to {card["size"]}×{card["size"]}, divided by its maximum, ImageNet's mean and deviation |
| output | a soft mask at the photo's size, an uncertainty, a probability that there is a subject |
| for | finding the one subject that stands out and cutting it for a sticker |
| not for | medical, forensic or safety decisions; telling people apart; photos where nothing or everything stands out |
"""


def figures(card: Card) -> str:
    names = {
        "ecssd": "ECSSD, every fourth picture, at its own size; never trained on, never used to choose",
        "validation": "validation: of each training set up to a tenth, put aside by hash",
    }
    rows = []
    for key, name in names.items():
        f = card["figures"][key]
        sod = f["sod"]
        own = (f["max_f_beta"], f["mae"], sod["weighted_f_beta"], sod["s_measure"], sod["e_measure"], f["mean_iou"])
        cells = " | ".join(f"{value:.3f}" for value in own)
        edge = f"{f['mean_boundary_f']:.3f} → {f['edge']['mean_boundary_f']:.3f}"
        rows.append(f"| {name} | {f['pictures']} | {cells} | {edge} | {f['uncertainty']['spearman']:.2f} |")
    table = "\n".join(rows)
    text = prose(f"""
        maxFβ: β² = 0.3, largest F of precision and recall averaged over the pictures, as BASNet's authors compute it
        (pysodmetrics, which averages the pictures' own F: {card["figures"]["ecssd"]["sod"]["max_f_beta"]:.3f} on
        ECSSD). Weighted Fβ, S-measure and the largest E-measure: pysodmetrics. Boundary F: contours matched within
        0.75 % of the diagonal, of the mask → of the sticker's refined edge. Uncertainty: its rank correlation
        (Spearman) with 1 − IoU. For comparison, the authors' figures on all 1,000 pictures of ECSSD: BASNet
        .942 / .037 (maxFβ / MAE).
    """)
    return f"""## Figures
`python -m training evaluate --weights starter --data ecssd` prints them.

| pictures | n | maxFβ | MAE | weighted Fβ | S-measure | E-measure | mean IoU | boundary F | uncertainty |
|---|---|---|---|---|---|---|---|---|---|
{table}

{text}

**No figure on PASCAL-S may be quoted for these weights: it is among the training pictures.**
"""


def forms(card: Card) -> str:
    rows = [
        f"| `{entry['file']}` | {entry['bytes'] / 1e6:.2f} MB | {judged['max_f_beta']:.3f} | {judged['mae']:.3f} |"
        for name, entry in card.get("forms", {}).items()
        if (judged := card["form_figures"].get(name))
    ]
    if not rows:
        return ""
    table = "\n".join(rows)
    return f"""Other forms of the same weights, on ECSSD (`… evaluate --graph FILE`):

| form | bytes | maxFβ | MAE |
|---|---|---|---|
{table}
"""


def subject(card: Card) -> str:
    s, ecssd = card["subject"], card["figures"]["ecssd"]["subject"]
    kinds = {
        "photo": "photos of the validation split, with a subject",
        "small": "their subjects at 15–45 % of the side, on other ground",
        "crop": "crops beside the subjects, without them",
        "drawn": "flat, graded and noisy pictures",
        "texture": "brick, grass, gravel",
        "page": "printed pages",
        "doubtful": "crops beside the subjects in which the teacher sees another thing: no part of the fit",
    }
    known = [(kind, text) for kind, text in kinds.items() if kind in s["cases"]]
    table = "\n".join(f"| {text} | {s['cases'][kind]} | {s['found'][kind]:.1%} |" for kind, text in known)
    bins = "\n".join(f"| {score:.2f} | {share:.2f} | {n} |" for score, share, n in s["reliability"])
    how = prose(f"""
        A logistic regression on how sure the two maps are where they are surest (the highest 0.1 % and 0.5 %, so that
        a thin subject counts). From a probability of {card["subject_threshold"]:.2f} on, a subject counts as found;
        below, the answer is "no subject found". Every figure here is of pictures whose source was left out of the fit
        ({s["folds"]} folds).
    """)
    result = prose(f"""
        Precision {s["precision"]:.3f}, recall {s["recall"]:.3f}; expected calibration error
        {s["calibration_error"]:.3f}. On ECSSD, with which nothing was fitted: recall {ecssd["recall"]:.3f}, precision
        {ecssd["precision"]:.3f} against {ecssd["crops"]} crops beside its subjects, of which
        {ecssd["refused_crops"]:.0%} are refused. Such crops often show some other thing that could be cut.
    """)
    return f"""## Is there a subject at all?
{how}

| pictures | n | subject found |
|---|---|---|
{table}

{result}

| probability said | share with a subject | n |
|---|---|---|
{bins}
"""


def training(card: Card) -> str:
    runs = "\n".join(
        f"{i}. `{run['command']}` (seed {run['seed']}): {run['steps']:,} steps, {run['pictures_seen']:,} pictures in "
        f"{run['minutes']:.0f} minutes. {run.get('remarks', '')}".rstrip()
        for i, run in enumerate(card["runs"], 1)
    )
    how = prose(f"""
        Machine: {card["machine"]}. AdamW, cosine rate; the moving average of the weights is what is
        shipped. A run's length follows the clock, so that a second run with the same seed sees another number of
        pictures and ends near these figures, not on them. To choose between runs, validation alone was looked at.
    """)
    return f"""## Training
{runs}

{how}
"""


def sources(card: Card) -> str:
    teacher = card.get("teacher")
    taught = (
        prose(f"""
        Teacher: {teacher["network"]}, file {teacher["sha256"][:12]}…; {teacher["licence"]}. It gave
        {teacher["masks"]}.
    """)
        + "\n"
        if teacher
        else ""
    )
    rows = "\n".join(f"| {d['name']} | {d['pairs']:,} | {d['source']} | {d['licence']} |" for d in card["data"])
    warning = prose("""
        None of these pictures is part of this project. Several sets are for research only or state no licence: weigh
        that before commercial use, or train your own with the commands above.
    """)
    return f"""## Where they come from
Encoder: {card["encoder"]["origin"]}, {card["encoder"]["licence"]}.
The weights descend from it.
{taught}

| pictures | pairs | source | licence |
|---|---|---|---|
{rows}

{warning}
"""


KINDS = {
    "ccp_fashion": "people, whole, in streets",
    "pascal_s": "everyday scenes, cluttered",
    "oxford_pets": "cats and dogs",
    "feral_cats": "cats, by night too",
    "weizmann_horse": "horses",
    "davis20": "animals, people, vehicles in motion",
    "sysu_vehicles": "vehicles",
    "caltech101": "animals and things",
    "flowers17": "flowers",
}


def sources_apart(card: Card) -> str:
    """A table of the validation's figures by kind of picture; empty for a card without them."""
    found = card.get("by_source", {})
    rows = [
        f"| {text} (`{name}`) | {f['pictures']} | {f['max_f_beta']:.3f} | {f['mae']:.3f} | {f['mean_iou']:.3f} | "
        f"{f['mean_boundary_f']:.3f} |"
        for name, text in KINDS.items()
        if (f := found.get(name))
    ]
    if not rows:
        return ""
    table = "\n".join(rows)
    return f"""| validation | n | maxFβ | MAE | mean IoU | boundary F |
|---|---|---|---|---|---|
{table}
"""


def weaknesses(card: Card, picture: str) -> str:
    side = card["size"] // 2
    text = prose(f"""
        Fine structure (fur, hair, spokes, stalks) is smoothed: the mask arises at {side}×{side}. Cluttered scenes with
        several candidates, subjects that touch the frame on all sides, and transparent things are often cut wrongly.
        Corrections are how it gets better. How it does by kind of picture stands below; people of different kinds
        (skin, age, dress) could not be told apart in these sets, so that a difference between them would not show.
    """)
    shown = prose("""
        Above: scikit-image's public-domain photos as stickers show them. Below: masks on ECSSD, the eight worst and
        eight that are typical, by file; grey is right, blue was cut too much, orange is missing.
    """)
    seen = (
        f"![Cuts of four public-domain photos; silhouettes of masks on ECSSD]({picture})\n\n{shown}\n"
        if picture
        else ""
    )
    tried = "\n".join(f"- {line}" for line in card["tried"])
    apart = sources_apart(card)
    return f"""## Known weaknesses
{text}

{apart}
{seen}
## Tried
{tried}
"""
