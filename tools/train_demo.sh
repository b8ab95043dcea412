#!/bin/sh
# Train the demo model: tools/train_demo.sh PROSE OUT, with PROSE from `gemma10m prose PROSE`. Run again, it goes on.
set -eu
root=$(CDPATH='' cd -- "$(dirname -- "$0")/.." && pwd)
text=$1/train
out=$2

stage() { # NUMBER [CHECKPOINT]
    number=$1
    shift
    gemma10m train "$@" --data "$text" --out "$out/$number" --recipe "$root/recipes/demo-$number.json"
}

settle() { # NUMBER FOLDER
    python "$root/tools/settle_pieces.py" "$out/$1" "$text" "$out/$2"
}

stage 1
for number in 2 3 4 5 6 7 8 9 10 11 12; do
    stage "$number" "$out/$((number - 1))"
done
settle 12 settled
stage 13 "$out/settled"
stage 14 "$out/13"
settle 14 settled-again
stage 15 "$out/settled-again"
settle 15 settled-a-third-time
stage 16 "$out/settled-a-third-time"
settle 16 settled-a-fourth-time
stage 17 "$out/settled-a-fourth-time"
settle 17 demo
