"""F1 of CD4 and CD8 T cells of tcell_lineage_v1 on expert-labelled files of the HIPC T cell panel.

    python benchmarks/hipc_lineage.py [--data ../shared/data]

Every file is placed alone, its values are used as they are (no transform, no compensation), and nothing of
the labels goes into placement. Scored as the data ask for: identical rows are one cell that carries all
their labels (the source wrote each activated cell twice), truth = cells with a label of the lineage,
F1 = 2 |truth and mask| / (|truth| + |mask|).
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

FOLDERS = ("hipc_cytopt", "hipc_multicentre")
LABELS = {"cd4_t": range(6, 11), "cd8_t": range(1, 6)}
MARKERS = ("CD3", "CD4", "CD8", "CCR7", "CD45RA", "CD38", "HLA-DR")


def display_panel():
    """Give the panel of files whose values are display values already."""
    from immunoprofile.panel import read_panel

    head = 'schema = 1\n[panel]\nid = "hipc_t"\nversion = "1"\ntransform = "none"\ncompensation = "none"\n'
    rows = [f'[[channels]]\nid = "{m.lower().replace("-", "")}"\ntarget.marker = "{m}"\n' for m in MARKERS]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "panel.toml"
        path.write_text("\n".join([head, *rows]), encoding="utf-8")
        return read_panel(path)


def score(path, strategy, panel):
    """Give the F1 of each lineage in one file, placed alone."""
    from immunoprofile.fcs import read_fcs

    sample = read_fcs(path)
    gated = strategy.place([sample], panel=panel).apply(sample)
    labels = pd.read_csv(path.with_name(f"{path.stem}_labels.csv.gz")).iloc[:, -1].to_numpy()
    cells, cell_of = np.unique(np.asarray(sample.events, dtype=np.float32), axis=0, return_inverse=True)
    found = {}
    for population, wanted in LABELS.items():
        truth, mask = np.zeros(len(cells), dtype=bool), np.zeros(len(cells), dtype=bool)
        truth[cell_of[np.isin(labels, list(wanted))]] = True
        mask[cell_of[gated.mask(population)]] = True
        found[population] = 2 * int((truth & mask).sum()) / max(int(truth.sum() + mask.sum()), 1)
    return found


def scores(data, folders=FOLDERS):
    """Give a row a file: folder, file, F1 of each lineage."""
    from immunoprofile.gating import load_strategy

    strategy, panel = load_strategy("tcell_lineage_v1"), display_panel()
    paths = [path for folder in folders for path in sorted((Path(data) / folder).glob("*.fcs"))]
    rows = [{"folder": p.parent.name, "file": p.name} | score(p, strategy, panel) for p in paths]
    return pd.DataFrame(rows, columns=["folder", "file", *LABELS])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default=Path(__file__).resolve().parents[2] / "shared" / "data")
    table = scores(parser.parse_args().data)
    if table.empty:
        raise SystemExit("no files: give the folder that holds hipc_cytopt with --data")
    print(table.to_string(index=False, float_format="{:.4f}".format))
    means = table.groupby("folder")[list(LABELS)].mean()
    print(means.to_string(float_format="{:.4f}".format))


if __name__ == "__main__":
    main()
