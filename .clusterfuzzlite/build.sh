#!/bin/bash -eu
# Builds all fuzz targets for ClusterFuzzLite, each with its seeds and its dictionary. $SRC, $OUT and $SANITIZER come
# from the base image.
cd "$SRC/proofhouse"
cargo fuzz build -O --debug-assertions --sanitizer "$SANITIZER"
names=$(sed -n 's/^name = "\(.*\)"/\1/p' fuzz/Cargo.toml | grep -vx proofhouse-fuzz)
for name in $names; do
  cp "fuzz/target/x86_64-unknown-linux-gnu/release/$name" "$OUT/"
  seeds=$(mktemp -d)
  dictionary=choices.dict
  if [ -d "fuzz/seeds/$name" ]; then
    cp "fuzz/seeds/$name"/* "$seeds/"
    dictionary=texts.dict
  elif [ -e "fuzz/seeds/$name.hex" ]; then
    ci/unpack "fuzz/seeds/$name.hex" "$seeds"
  fi
  # An archive needs a file.
  if [ -n "$(ls -A "$seeds")" ]; then
    (cd "$seeds" && python3 -m zipfile -c "$OUT/${name}_seed_corpus.zip" ./*)
  fi
  cp "fuzz/dictionaries/$dictionary" "$OUT/$name.dict"
  rm -rf "$seeds"
done
