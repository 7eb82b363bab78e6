"""Do malicious people stand out in the trust list, also by attacks that it was not tuned on, and is anybody wronged?

No training: the list alone, over several crowds. `TRUST_WRITE=1` writes docs/benchmarks/trust.json.
"""

import json
import os
from pathlib import Path

import crowd
import numpy as np
import pytest
import torch

from annotations.trust import suspicion

OUT = Path(__file__).parents[2] / "docs" / "benchmarks" / "trust.json"
EACH = 6  # corrections of an honest person, three times as many of a malicious one
SEEDS = range(10, 16)
KINDS = {
    "beginners": crowd.BEGINNERS,
    "hasty": crowd.HASTY,
    "picky": crowd.PICKY,
    "the other honest people": range(8, crowd.PEOPLE),
}


def judged(everybody: list[crowd.Correction], attack: crowd.Attack | None) -> dict[str, object]:
    """The list in one scenario: the malicious ones' places, and what of everybody is learned from."""
    given = crowd.attacked(everybody, attack)
    people = suspicion.judge([c.evidence for c in given])
    places, auc = crowd.standing(people)
    by_author = {person.author: person for person in people}
    spoilt = [
        now
        for now, before in zip(given, everybody, strict=True)
        if now.mask is not before.mask and now.evidence.approved
    ]
    learned = sum(not by_author[c.evidence.author].refuses(c.evidence.correction) for c in spoilt)
    honest = [c for c in given if not c.malicious and c.evidence.approved]
    lost = sum(bool(by_author[c.evidence.author].refuses(c.evidence.correction)) for c in honest)
    return {
        "places": places,
        "auc": round(auc, 4),
        "spoilt approved": len(spoilt),
        "spoilt learned": learned,
        "weight": float(np.mean([person.weight for person in people if person.author.int < crowd.MALICIOUS])),
        "honest lost": lost / len(honest),
        "honest shut out": sum(p.score < suspicion.DISTRUSTED for p in people if p.author.int >= crowd.MALICIOUS),
        "people": [[p.author.int, round(p.score, 3), p.weight] for p in people],
    }


@pytest.mark.bars
@pytest.mark.timeout(0)
@pytest.mark.skipif(not crowd.SHARED.is_dir(), reason="The photographs of ../shared/data are not here.")
def test_malicious_people_stand_out_and_nobody_else_does(tmp_path, capsys):
    torch.set_num_threads(1)
    work = Path(os.environ.get("POISONING_WORK") or tmp_path)
    _, champion, photographs = crowd.worn_champion(work)
    attacks: dict[str, crowd.Attack | None] = {"nobody": None, **crowd.SIX, **crowd.UNSEEN}
    found: dict[str, list[dict]] = {name: [] for name in attacks}
    for seed in SEEDS:
        everybody = crowd.crowd(photographs, EACH, seed)
        for name, attack in attacks.items():
            found[name].append(judged(everybody, attack))
    with capsys.disabled():
        report(found)
    if os.environ.get("TRUST_WRITE") == "1":
        kept = {"each": EACH, "champion": champion.sha256, "seeds": list(SEEDS), "found": found}
        OUT.write_text(json.dumps(kept, indent=None, separators=(",", ":")).replace('"nobody"', '\n"nobody"') + "\n")
    assert all(np.mean([one["auc"] for one in found[name]]) >= 0.9 for name in crowd.SIX)
    assert not any(one["honest shut out"] for one in found["nobody"])


def report(found: dict[str, list[dict]]) -> None:
    tenth = crowd.PEOPLE // 10
    print(
        f"\n| attack | one of the six | AUC, mean | least | both in the lowest tenth, of {len(SEEDS)} | spoilt masks "
        "approved | learned from | weight | honest masks lost | honest shut out |\n|" + " --- |" * 10
    )
    for name, rows in found.items():
        if name == "nobody":
            continue
        aucs = [row["auc"] for row in rows]
        low = sum(max(row["places"]) <= tenth for row in rows)
        approved, learned = (sum(row[key] for row in rows) for key in ("spoilt approved", "spoilt learned"))
        weight, lost = (np.mean([row[key] for row in rows]) for key in ("weight", "honest lost"))
        print(
            f"| {name} | {'yes' if name in crowd.SIX else 'no'} | {np.mean(aucs):.3f} | {min(aucs):.3f} | {low} | "
            f"{approved} | {learned} | {weight:.2f} | {100 * lost:.1f} % | {sum(r['honest shut out'] for r in rows)} |"
        )
    print("\n| nobody is malicious | mean place | score, mean | least | weight 1 | 0.75 | less | shut out |")
    print("|" + " --- |" * 8)
    for kind, members in KINDS.items():
        rows = [
            (place, score, weight)
            for scenario in found["nobody"]
            for place, (person, score, weight) in enumerate(scenario["people"], 1)
            if person in members
        ]
        places, scores, people_weights = (np.array(column) for column in zip(*rows, strict=True))
        print(
            f"| {kind} ({len(rows)}) | {places.mean():.1f} | {scores.mean():.2f} | {scores.min():.2f} | "
            f"{(people_weights == 1).sum()} | {(people_weights == 0.75).sum()} | {(people_weights < 0.75).sum()} | "
            f"{(scores < suspicion.DISTRUSTED).sum()} |"
        )
    lost = 100 * np.mean([row["honest lost"] for row in found["nobody"]])
    print(f"honest masks lost while nobody is malicious: {lost:.1f} %")
