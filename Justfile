# The one list of what can be run. `just` alone prints it.
# Where `just` is absent, what a recipe runs can be typed.

browser := "crates/coview-cli/tests/browser"
pure := "coview-wire coview-start coview-lifecycle coview-agent coview-proto coview-hub"

[private]
default:
    @just --list --unsorted

# Walk both ways to share on real connections: an embedded server, visitors and agents.
demo *ARGS:
    cargo run -p coview-cli -- demo {{ARGS}}

# Run a server; without --config one to try out, on a loopback only.
serve *ARGS:
    cargo run -p coview-cli -- serve {{ARGS}}

# Every test, the same as `cargo test --workspace`; by nextest where it is installed.
test:
    #!/usr/bin/env bash
    set -euo pipefail
    if cargo nextest --version >/dev/null 2>&1; then
        cargo nextest run --workspace --no-fail-fast
        cargo test --workspace --doc --quiet
    else
        cargo test --workspace
    fi

# Replay a day of virtual time from a seed and tell what happened: `just sim --seed 7 --hours 24`.
sim *ARGS:
    cargo run --quiet --release -p coview-sim --bin coview-sim -- run {{ARGS}}

# Simulate days from fresh seeds for so many minutes, until one breaks a rule.
soak MINUTES *ARGS:
    cargo run --quiet --release -p coview-sim --bin coview-sim -- soak {{MINUTES}} {{ARGS}}

# Simulate the days that tests simulate, and tell how often they reach each thing there is to reach.
sim-coverage:
    cargo run --quiet --release -p coview-sim --bin coview-sim -- coverage

# Everything CI runs, in the order of how soon it fails.
ci: fmt-check deny lint doc pure tokio test fuzz-check codes bench-check test-browser test-x11 test-nginx

# Formatting, as a check.
fmt-check:
    cargo fmt --all --check

# Clippy on everything, warnings denied.
lint:
    cargo clippy --workspace --all-targets -- -D warnings

# The reference documentation, warnings denied.
doc:
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps

# The pure crates build without std, and have neither clock, nor socket, nor runtime in their trees.
pure:
    #!/usr/bin/env bash
    set -euo pipefail
    for crate in {{pure}}; do
        cargo check --quiet -p "$crate" --no-default-features
        if cargo tree -p "$crate" --no-default-features -e normal --prefix none \
            | grep -E '^(smol|async-io|async-net|polling|mio|tokio|socket2|rustls|getrandom|chrono|time|web-time|rustix|libc) '
        then
            echo "$crate must not depend on any of these" >&2
            exit 1
        fi
    done

# No tokio runtime in the shipped crates: only hyper's use of its `sync` module.
tokio:
    #!/usr/bin/env bash
    set -euo pipefail
    if cargo tree -p coview-cli -e normal,features -i tokio 2>/dev/null \
        | grep -E 'tokio feature "(rt|rt-multi-thread|net|time|macros|full)"'
    then
        echo "a tokio runtime got into the tree" >&2
        exit 1
    fi

# Licences, banned crates, sources and known vulnerabilities of all dependencies: deny.toml.
deny:
    #!/usr/bin/env bash
    set -euo pipefail
    if ! cargo deny --version >/dev/null 2>&1; then
        echo "there is no cargo-deny; to get it: cargo install --locked cargo-deny" >&2
        exit 1
    fi
    cargo deny check --hide-inclusion-graph licenses bans sources
    if cargo deny fetch db >/dev/null 2>&1; then
        cargo deny check advisories
    else
        echo "NOT CHECKED: known vulnerabilities. The RustSec database could not be fetched from here." >&2
    fi

# No sanitizer: the crates have no unsafe code. What it finds is in fuzz/artifacts, what it keeps in fuzz/work.
# Fuzz one target for so many seconds: wire, tiles, codec, token, config, hub, audit or frames.
fuzz TARGET SECONDS="60":
    #!/usr/bin/env bash
    set -euo pipefail
    if ! cargo fuzz --version >/dev/null 2>&1; then
        echo "there is no cargo-fuzz; to get it: cargo install --locked cargo-fuzz" >&2
        exit 1
    fi
    cd fuzz
    mkdir -p work/{{TARGET}}
    cargo fuzz run --sanitizer none {{TARGET}} work/{{TARGET}} corpus/{{TARGET}} -- \
        -max_total_time={{SECONDS}} -timeout=20 -rss_limit_mb=2048 -malloc_limit_mb=256 -print_final_stats=1

# Replay the committed inputs of every fuzz target, on any compiler and without the engine.
fuzz-check:
    #!/usr/bin/env bash
    set -euo pipefail
    target="${CARGO_TARGET_DIR:-$PWD/target}"
    cargo fmt --manifest-path fuzz/Cargo.toml --check
    cargo clippy --quiet --manifest-path fuzz/Cargo.toml --all-targets --target-dir "$target" -- -D warnings
    cargo test --quiet --manifest-path fuzz/Cargo.toml --target-dir "$target"

# Write the first inputs of every fuzz target anew, after a change of the protocol or the formats.
fuzz-seeds:
    cargo run --quiet --manifest-path fuzz/Cargo.toml --example seeds --target-dir "${CARGO_TARGET_DIR:-$PWD/target}"

# Check that the misuses in the documentation fail with the error codes they state.
codes:
    RUSTC_BOOTSTRAP=1 CARGO_TARGET_DIR=target/codes cargo test --quiet --doc -p coview-start -p coview-lifecycle -p coview-agent -p coview-smol

# The agent's console in a real browser: chromium, or another one named in CHROMIUM.
test-browser *ARGS: (_browser "chromium")
    #!/usr/bin/env bash
    set -euo pipefail
    node --test crates/coview-server/console/tests/*.test.mjs
    cargo build --quiet -p coview-cli --example stage
    cd {{browser}}
    node --test --test-concurrency=1 --test-reporter=spec {{ARGS}} *.test.mjs

# A real X server, shared by `coview share --screen x11` and seen in a real browser.
test-x11: (_browser "chromium" "Xvfb" "xterm" "xclock" "xeyes" "xwd")
    #!/usr/bin/env bash
    set -euo pipefail
    COVIEW_X11_TESTS=1 cargo test --quiet -p coview-x11 --test capture -- --ignored --test-threads=2
    cargo build --quiet -p coview-cli --bin coview --example stage
    cd {{browser}}
    node --test --test-concurrency=1 --test-reporter=spec x11/*.test.mjs

# coview behind a real nginx, with the configuration of docs/deploy.
test-nginx:
    #!/usr/bin/env bash
    set -euo pipefail
    if ! command -v nginx >/dev/null; then
        echo "there is no nginx; on Debian: apt-get install nginx-light" >&2
        exit 1
    fi
    COVIEW_NGINX_TESTS=1 cargo test --quiet -p coview-cli --test nginx -- --include-ignored

# From a capture to pixels that can be read in a browser, and how soon a late joiner sees a picture.
bench-browser *ARGS: (_browser "chromium")
    #!/usr/bin/env bash
    set -euo pipefail
    cargo build --quiet --release -p coview-cli --example stage
    COVIEW_STAGE="${CARGO_TARGET_DIR:-$PWD/target}/release/examples/stage" node {{browser}}/bench/latency.mjs {{ARGS}}

# What drives a browser, at the versions of the lock file; and that the programs are there.
[private]
_browser +PROGRAMS:
    #!/usr/bin/env bash
    set -euo pipefail
    for program in node npm {{PROGRAMS}}; do
        if [ "$program" = chromium ] && [ -n "${CHROMIUM:-}" ]; then program=$CHROMIUM; fi
        if ! command -v "$program" >/dev/null; then
            echo "there is no $program; on Debian: apt-get install nodejs npm chromium xvfb xterm x11-apps" >&2
            exit 1
        fi
    done
    if ! node --eval 'process.exit(Number.parseInt(process.versions.node) < 20 ? 1 : 0)'; then
        echo "node is $(node --version); what drives the browser needs 20 or newer" >&2
        exit 1
    fi
    npm ci --silent --prefix {{browser}}

# The lines nothing reaches are in target/coverage.lcov.
# Line coverage of the pure crates by their own tests and the simulation; fails below 95 % of one of them.
coverage:
    #!/usr/bin/env bash
    set -euo pipefail
    for tool in llvm-cov nextest; do
        if ! cargo $tool --version >/dev/null 2>&1; then
            echo "there is no cargo-$tool; to get it: cargo install --locked cargo-$tool" >&2
            echo "cargo-llvm-cov needs LLVM's tools too: rustup component add llvm-tools" >&2
            exit 1
        fi
    done
    report="${CARGO_TARGET_DIR:-$PWD/target}/coverage.lcov"
    cargo llvm-cov clean --profraw-only
    # What the compiler says about misuses runs no line of ours; and `inner.rs` shows what is inside to a search of
    # the simulation, which is no part of what a crate does.
    cargo llvm-cov nextest --no-report --status-level fail --no-fail-fast \
        $(printf -- '-p %s ' {{pure}} coview-sim) -E 'not binary(ui)'
    cargo llvm-cov report --lcov --ignore-filename-regex 'src/inner\.rs$' --output-path "$report"
    awk -v pure="{{pure}}" '
        /^SF:/ { crate = ""; if (match($0, /crates\/[a-z0-9-]+\/src\//)) crate = substr($0, RSTART + 7, RLENGTH - 12) }
        /^LF:/ { found[crate] += substr($0, 4) }
        /^LH:/ { hit[crate] += substr($0, 4) }
        END {
            n = split(pure, crates, " ")
            for (i = 1; i <= n; i++) {
                crate = crates[i]
                percent = found[crate] ? 100 * hit[crate] / found[crate] : 0
                printf "%-17s %5d of %5d lines, %6.2f %%\n", crate, hit[crate], found[crate], percent
                if (percent < 95) low = 1
            }
            exit low
        }' "$report"

# Left out: what compares documents and snapshots or asks the compiler (files and processes, no code of ours), what
# plays random stories by the thousand, and coview-wire and coview-hub, whose tests are of messages at their limits: hours.
# The tests of the clients' crates in the interpreter Miri, which sees undefined behaviour and data races; half an hour.
miri:
    #!/usr/bin/env bash
    set -euo pipefail
    if ! cargo +nightly miri --version >/dev/null 2>&1; then
        echo "there is no Miri; to get it: rustup toolchain install nightly --component miri,rust-src" >&2
        exit 1
    fi
    # Without isolation, because insta and proptest look for files.
    export MIRIFLAGS="-Zmiri-disable-isolation" PROPTEST_CASES=4
    run() { cargo +nightly miri test --quiet --target-dir "${CARGO_TARGET_DIR:-target}/miri" "$@"; }
    run -p coview-start --tests
    run -p coview-lifecycle --lib --test lifecycle -- --skip documents:: --skip model::
    run -p coview-agent --lib --test cancel --test reconcile --test steps --test trust --test types --test view
    run -p coview-proto --lib --test agent_trust --test owner --test rules --test trust

# A part only: `just mutants coview-hub --shard 0/8`. What was found is in docs/mutation.md.
# Mutations of a crate that its own tests let pass: minutes to hours.
mutants CRATE *ARGS:
    #!/usr/bin/env bash
    set -euo pipefail
    for tool in mutants nextest; do
        if ! cargo $tool --version >/dev/null 2>&1; then
            echo "there is no cargo-$tool; to get it: cargo install --locked cargo-$tool" >&2
            exit 1
        fi
    done
    CARGO_PROFILE_DEV_DEBUG=0 nice cargo mutants --package {{CRATE}} --jobs 1 --output target/mutants/{{CRATE}} {{ARGS}}

# Every joint state of one visitor, two agents and the hub, from each root on: `just search --root manual`.
search *ARGS:
    cargo run --quiet --release -p coview-sim --bin coview-sim -- search {{ARGS}}

# Five mutants that are kept, each against every layer that claims to catch it: crates/coview-sim/mutants.
mutants-kept *MUTANTS:
    nice crates/coview-sim/mutants/run {{MUTANTS}}

# Rewrite the documents that are generated from the code: schema, diagram, verb tables.
update-docs:
    UPDATE_DOCS=1 cargo test --quiet -p coview-wire -p coview-lifecycle -p coview-agent

# Benchmarks; figures and method are in docs/performance.md.
bench *ARGS:
    cargo bench --workspace {{ARGS}}

# coview beside VNC servers of Debian's packages, on the same display and drawing; minutes.
bench-vnc *ARGS:
    cargo bench -p coview-cli --bench beside_vnc -- {{ARGS}}

# --quick takes less than a minute; --record keeps the numbers and draws tables and graphs anew.
# The server under load beside Mosquitto, NATS and Redis, as far as they are installed; minutes.
bench-load *ARGS:
    cargo build --quiet --release -p coview-cli --bin coview -p coview-load --bin coview-load
    "${CARGO_TARGET_DIR:-$PWD/target}/release/coview-load" run {{ARGS}}

# Write the tables and graphs of docs/performance.md anew, from the numbers that are kept.
graphs:
    cargo run --quiet -p coview-load -- graph

# Check that every benchmark still runs, once and without measuring.
bench-check:
    #!/usr/bin/env bash
    set -euo pipefail
    cargo build --quiet -p coview-cli --bin coview -p coview-load --bin coview-load
    "${CARGO_TARGET_DIR:-$PWD/target}/debug/coview-load" run --quick
    cargo test --quiet -p coview -p coview-audit -p coview-cli -p coview-hub -p coview-lifecycle -p coview-screen -p coview-server -p coview-wire --bench '*'

# One story by typestates and by a hand-written enum, and signals in a hub with 10,000 visitors.
# Instructions of the lifecycle and the hub, counted by callgrind.
bench-instructions TIMES="1000":
    #!/usr/bin/env bash
    set -euo pipefail
    if ! command -v valgrind >/dev/null; then
        echo "there is no valgrind; on Debian: apt-get install valgrind" >&2
        exit 1
    fi
    examples="${CARGO_TARGET_DIR:-$PWD/target}/release/examples"
    cargo build --quiet --release -p coview-lifecycle --example transition_cost
    cargo build --quiet --release -p coview-hub --example signal_cost
    count() {
        valgrind --tool=callgrind --callgrind-out-file=/dev/null "$examples/$@" 2>&1 \
            | sed -n 's/.*Collected : \([0-9]*\).*/\1/p'
    }
    for kind in typestate enum; do
        none=$(count transition_cost "$kind" 0)
        some=$(count transition_cost "$kind" {{TIMES}})
        echo "$kind: $(( (some - none) / {{TIMES}} )) instructions for one story"
    done
    none=$(count signal_cost ping 0)
    for kind in ping update ask terms; do
        some=$(count signal_cost "$kind" {{TIMES}})
        echo "$kind: $(( (some - none) / {{TIMES}} )) instructions in the hub"
    done
