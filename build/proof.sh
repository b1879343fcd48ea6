#!/usr/bin/env bash
# What came of a long proof, and the page that says so.
#   proof.sh tell OUT PROOF EXIT         its lines into OUT/PROOF.txt; or, where it is not proven, why not, into OUT/failed.txt
#   proof.sh record OUT PAGE VERSIONS    the page, with what is in OUT in place of what it said of that; all else in it stays
set -euo pipefail

# What a test wrote is in the result file alone.
written() { grep -sozP '<StdOut>[^<]*' "$1" | tr '\0' '\n' | sed "s/^<StdOut>//; s/&lt;/</g; s/&gt;/>/g; s/&quot;/\"/g; s/&apos;/'/g; s/&amp;/\&/g" | grep . | sort -u; }

tell() {
    local out=$1 proof=$2 exit=$3 lines why=
    # Each must show that it tried something: a filter that finds no test, and tests that are skipped, end with 0 as well.
    case $proof in
        crash | soak)
            lines=$(written "$out/$proof.trx"; grep -E '^(Passed|Failed|Skipped)! ' "$out/$proof.log" | sed 's/ - [^ ]*\.dll.*//') || true ;;
        fuzz) lines=$(grep -E '^(seed|fuzzing) ' "$out/fuzz.log") || true ;;
        ctrlc) lines=$(grep -E '^(Ctrl-C|Tests Passed:)' "$out/ctrlc.log") || true ;;
    esac
    case $proof in
        crash)
            grep -qE '[1-9][0-9]* points of death tried, [0-9]+ survived$' <<<"$lines" || why='nothing was killed'
            ! grep -q 'survived; it has some' <<<"$lines" || why='steps were left out' ;;
        soak) grep -q '^soak of ' <<<"$lines" || why='no guest ran' ;;
        fuzz)
            grep -qE '^fuzzing .*: [1-9][0-9]* inputs' <<<"$lines" || why='nothing was tried'
            ! grep -q ': left out' <<<"$lines" || why='something was left out' ;;
        ctrlc)
            grep -q '^Ctrl-C, seed' <<<"$lines" || why='nothing was stopped'
            grep -q '^Ctrl-C of a terminal' <<<"$lines" || why=${why:-no terminal} ;;
    esac
    [ "$exit" = 0 ] || why="it ended with $exit"
    printf '## %s%s\n%s\n' "$proof" "${why:+: not proven, $why}" "$lines"
    if [ -n "$why" ]; then echo "$proof ($why)" >>"$out/failed.txt"; else printf '%s\n' "$lines" >"$out/$proof.txt"; fi
}

# What a page says of a proof, without its heading.
said() {
    [ ! -e "$1" ] || awk -v heading="## $2" '/^```/ { code = !code } !code && /^## / { there = $0 == heading; next } there' "$1" | sed '/./,$!d'
}

record() {
    local out=$1 page=$2 versions=$3 new proof text
    new=$(mktemp "$page.XXXXXX")
    {
        printf '# The last long proofs\n\nWritten by `./build.sh prove -Record`, each part when it was run; not edited by hand. What each is, and how the tests of each\n'
        printf 'day do a part of it: docs/architecture.md.\n'
        for proof in crash fuzz ctrlc soak; do
            if [ -e "$out/$proof.txt" ]; then
                text=$(printf '%s UTC; %s\n\n```\n' "$(date -u -r "$out/$proof.txt" '+%F %H:%M')" "$versions"; cat "$out/$proof.txt"; echo '```')
            else
                text=$(said "$page" "$proof")
            fi
            printf '\n## %s\n\n%s\n' "$proof" "${text:-Not recorded yet.}"
        done
    } >"$new"
    chmod 644 "$new"
    mv "$new" "$page"
}

"$@"
