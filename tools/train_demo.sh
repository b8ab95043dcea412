#!/bin/sh
# Train the demo model: tools/train_demo.sh PROSE OUT, with PROSE from `python tools/fetch_prose.py PROSE`. Run again, it goes on.
# The demo is OUT/19-settled.
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
text=$1/train
out=$2

stage() { # NUMBER [CHECKPOINT]
    number=$1
    shift
    gemma10m train "$@" --data "$text" --out "$out/$number" --recipe "$root/recipes/demo/$(printf %02d "$number").json"
}

settle() { # NUMBER
    python "$root/tools/settle_pieces.py" "$out/$1" "$text" "$out/$1-settled"
}

stage 1
for number in 2 3 4 5 6 7 8 9 10 11 12; do
    stage "$number" "$out/$((number - 1))"
done
settle 12
stage 13 "$out/12-settled"
stage 14 "$out/13"
settle 14
for number in 15 16 17 18 19; do
    stage "$number" "$out/$((number - 1))-settled"
    settle "$number"
done
