#!/bin/sh
# Fuzzes the decoders, one after the other: run.sh [SECONDS [TARGET...]]
#
# Needs no nightly toolchain and no cargo-fuzz: libFuzzer's counters are put in
# by a pass of the stable compiler. Address sanitizing is left out, as the crate
# has no unsafe code. New documents stay in fuzz/corpus, crashes in fuzz/artifacts.
# `PACK=1 run.sh 0` puts the best of the corpus where the tests run it.
set -eu
cd "$(dirname "$0")"
seconds=${1:-600}
[ $# -eq 0 ] || shift
targets=${*:-event envelope message result repr reply}

host=$(rustc -vV | sed -n 's/^host: //p')
target_dir=${CARGO_TARGET_DIR:-target}
cargo build --quiet --bin corpus
corpus=$target_dir/debug/corpus
"$corpus" unpack corpus

bins=
for target in $targets; do
    bins="$bins --bin $target"
done
# With --target the flags reach the code under test, not build scripts.
export CARGO_TARGET_DIR="$target_dir"
RUSTFLAGS="--cfg fuzzing -Cpasses=sancov-module -Cdebug-assertions -Ccodegen-units=1 \
 -Cllvm-args=-sanitizer-coverage-level=4 \
 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
 -Cllvm-args=-sanitizer-coverage-pc-table \
 -Cllvm-args=-sanitizer-coverage-trace-compares" \
    cargo build --quiet --release --target "$host" $bins

failed=0
for target in $targets; do
    binary=$target_dir/$host/release/$target
    mkdir -p "artifacts/$target"
    if [ "$seconds" -gt 0 ]; then
        echo "$target: $seconds s"
        "$binary" "corpus/$target" -dict=words.dict -max_total_time="$seconds" -timeout=10 \
            -rss_limit_mb=2048 -max_len=8192 -print_final_stats=1 -verbosity=1 \
            -artifact_prefix="artifacts/$target/" >"artifacts/$target.log" 2>&1 || failed=1
        grep -E 'SUMMARY|panicked|stat::number_of_executed_units|stat::peak_rss_mb|cov:.*DONE|DONE.*cov:' \
            "artifacts/$target.log" | tail -5 || true
    fi
    if [ "${PACK:-0}" = 1 ]; then
        rm -rf "corpus/$target.small"
        mkdir "corpus/$target.small"
        "$binary" -merge=1 "corpus/$target.small" "corpus/$target" >/dev/null 2>&1
        rm -rf "corpus/$target"
        mv "corpus/$target.small" "corpus/$target"
    fi
done
if [ "${PACK:-0}" = 1 ]; then
    "$corpus" pack corpus
fi
exit "$failed"
