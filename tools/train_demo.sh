#!/usr/bin/env bash
# Train the demo model, stage by stage: tools/train_demo.sh PROSE OUT, PROSE a folder made by tools/austen.py.
set -euo pipefail
prose=$1 out=$2
recipes=$(cd "$(dirname "$0")/../recipes" && pwd)
data=()
for novel in emma mansfield-park northanger-abbey pride-and-prejudice sense-and-sensibility; do
    data+=(--data "$prose/$novel.txt")
done
start=()
for recipe in $(ls "$recipes"/demo-*.json | sort -V); do
    stage="$out/$(basename "$recipe" .json)"
    gemma10m train "${data[@]}" --recipe "$recipe" --out "$stage" "${start[@]}"
    start=(--start "$stage")
done
