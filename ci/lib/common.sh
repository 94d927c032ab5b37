# What the commands in ci/ share. Sourced, not run; leaves the shell at the top of the tree.
# shellcheck shell=bash

set -euo pipefail
CALLER_FOLDER=$PWD # what a path on the command line is relative to
export CALLER_FOLDER
cd "$(dirname "${BASH_SOURCE[0]}")/../.."

EXIT_USAGE=2
EXIT_ENVIRONMENT=3
export EXIT_USAGE EXIT_ENVIRONMENT

# say TEXT: a line about what is going on. On standard error, so that figures can be piped.
say() {
    printf '%s\n' "$*" >&2
}

# become PROGRAM ARGUMENT...: runs a program of ci/lib in place of this shell.
become() {
    command -v python3 >/dev/null || ci/setup
    exec python3 "ci/lib/$1" "${@:2}"
}

# begin MODULE ARGUMENT...: the same for one that needs builds. Its arguments are checked before anything is set up or built.
begin() {
    become begin.py "$@"
}

# no_arguments "$@" <<<TEXT: for commands that take none: prints usage and TEXT when there are any, and ends.
no_arguments() {
    [ $# -eq 0 ] && return
    [[ $1 == --help || $1 == -h ]] || say "${0#./} takes no argument '$1'"
    say "Usage: ${0#./}"
    cat >&2
    [[ $1 == --help || $1 == -h ]] && exit 0
    exit "$EXIT_USAGE"
}

# build PRESET...: configures and builds, showing output only when something fails.
build() {
    local preset log
    for preset in "$@"; do
        log="build/logs/build-$preset.log"
        mkdir -p build/logs
        say "Building $preset"
        if ! { cmake --preset "$preset" && cmake --build --preset "$preset"; } >"$log" 2>&1; then
            grep -E -A5 'error|CMake Error|FAILED' "$log" >&2 || cat "$log" >&2
            say "The build of preset '$preset' failed; the whole log is $log"
            return "$EXIT_ENVIRONMENT"
        fi
    done
}
