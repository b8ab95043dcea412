#!/bin/sh
# Train the demo model: tools/train_demo.sh PROSE OUT, with PROSE from `gemma10m prose PROSE`. Run again, it goes on.
set -eu
gemma10m train --data "$1/train" --out "$2/1" --recipe recipes/demo-1.json
for stage in 2 3 4 5 6 7 8 9 10 11 12; do
    gemma10m train "$2/$((stage - 1))" --data "$1/train" --out "$2/$stage" --recipe "recipes/demo-$stage.json"
done
python tools/settle_pieces.py "$2/12" "$1/train" "$2/settled"
gemma10m train "$2/settled" --data "$1/train" --out "$2/13" --recipe recipes/demo-13.json
gemma10m train "$2/13" --data "$1/train" --out "$2/14" --recipe recipes/demo-14.json
python tools/settle_pieces.py "$2/14" "$1/train" "$2/settled-again"
gemma10m train "$2/settled-again" --data "$1/train" --out "$2/15" --recipe recipes/demo-15.json
python tools/settle_pieces.py "$2/15" "$1/train" "$2/settled-a-third-time"
gemma10m train "$2/settled-a-third-time" --data "$1/train" --out "$2/16" --recipe recipes/demo-16.json
python tools/settle_pieces.py "$2/16" "$1/train" "$2/settled-a-fourth-time"
gemma10m train "$2/settled-a-fourth-time" --data "$1/train" --out "$2/17" --recipe recipes/demo-17.json
python tools/settle_pieces.py "$2/17" "$1/train" "$2/demo"
