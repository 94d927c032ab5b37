# What the commands in ci/ share. Sourced, not run; leaves the shell at the top of the tree.
# shellcheck shell=bash

set -Eeuo pipefail
CALLER_FOLDER=$PWD # what a path on the command line is relative to
export CALLER_FOLDER
cd "${BASH_SOURCE[0]%/*}/../.."

EXIT_VIOLATION=1
EXIT_USAGE=2
EXIT_ENVIRONMENT=3
EXIT_INTERNAL=4
export EXIT_VIOLATION EXIT_USAGE EXIT_ENVIRONMENT EXIT_INTERNAL

# exit_codes SOUND [VIOLATION [USAGE]]: the line of a command's help that says what its exit codes mean; those of a command
# that never ends with 1 are SOUND alone.
exit_codes() {
    local violation=${2:+1 $2, }
    printf 'Exit codes: 0 %s, %s%s %s, %s environment, %s internal error.\n' "$1" "$violation" "$EXIT_USAGE" \
        "${3:-usage}" "$EXIT_ENVIRONMENT" "$EXIT_INTERNAL"
}

# say TEXT: a line about what is going on. On standard error, so that figures can be piped.
say() {
    printf '%s\n' "$*" >&2
}

# print TEXT: a line of the result, on standard output.
print() {
    printf '%s\n' "$*" || end_environment "Standard output cannot be written"
}

# end_environment TEXT: ends the shell since something cannot be had.
end_environment() {
    say "$*"
    exit "$EXIT_ENVIRONMENT"
}

# A command that fails where the script does not expect it is a bug of ours, and no violation. Where a code is passed on
# the script says so: `ci/setup || exit`. One of 4 has been explained already.
end_internal() {
    [ "$1" -eq "$EXIT_INTERNAL" ] ||
        say "Internal error, a bug of ours: '$3' ended with code $1 at $2; please report this with what stands above"
    exit "$EXIT_INTERNAL"
}
trap 'end_internal "$?" "${BASH_SOURCE[0]-$0}:$LINENO" "$BASH_COMMAND"' ERR

# end_violation: ends the shell since the heap is at fault, or a test failed. Nothing else may end it with 1, not even bash.
judged=false
at_exit=: # what else is to be done at the end, with the exit code
end_violation() {
    judged=true
    exit "$EXIT_VIOLATION"
}
end() {
    $at_exit "$1"
    [ "$1" -ne "$EXIT_VIOLATION" ] || $judged || end_internal "$1" "$0" "a line that bash refused"
}
trap 'end "$?"' EXIT

MEASURED_CLANG=19 # that figures of this tree were measured with, and so the one to install where there is one
export MEASURED_CLANG

true 2>/dev/null 3>&1 || end_environment "Standard output is closed"

# All other characters work, and so do bytes that are no characters.
UNUSABLE=$'[][;"\\\n|]|[$][({]'
[[ ! $PWD =~ $UNUSABLE ]] ||
    end_environment "The path of this tree, $(printf '%q' "$PWD"), has one of ; \" \\ | [ ] \$( \${ or a newline in it, which CMake cannot take; move the tree"

# make_folder FOLDER...: makes folders that can be written, or ends the shell.
make_folder() {
    local folder
    for folder in "$@"; do
        if { [ ! -d "$folder" ] && ! mkdir -p "$folder" 2>/dev/null; } || [ ! -w "$folder" ]; then
            end_environment "The folder $folder cannot be made or written; free its name, or run this in a copy of the tree that is yours"
        fi
    done
}

# keep_log LOG COMMAND...: runs a command, its output in a file; ends the shell when there can be no such file.
keep_log() {
    make_folder "${1%/*}"
    true 2>/dev/null >"$1" || end_environment "$1 cannot be written; remove it, or run this as the user it belongs to"
    "${@:2}" >"$1" 2>&1
}

# find_python MODULE...: sets PYTHON to one that has these: Debian's, which ci/setup installs them for, or another on the PATH.
# They are only looked for: importing them takes half a second.
find_python() {
    local IFS=$'\n'
    for PYTHON in /usr/bin/python3 $(type -ap python3 || true); do
        { [ "$*" = sys ] && [ -x "$PYTHON" ]; } || # every one has that
            "$PYTHON" -c 'import sys, importlib.util as u; sys.exit(None in map(u.find_spec, sys.argv[1:]))' "$@" 2>/dev/null || continue
        return 0
    done
    say "No Python here can import $*; ./ci/setup installs what Debian's /usr/bin/python3 needs"
    return "$EXIT_ENVIRONMENT"
}

# become WORD ARGUMENT...: runs a word of kmemfuzz in place of this shell, as if it had been typed where this command was.
become() {
    find_python sys || { ci/setup fuzz && find_python sys; } || exit
    cd "$CALLER_FOLDER" && exec "$PYTHON" "$OLDPWD/fuzz/kmemfuzz" "$@"
}

# begin MODULE ARGUMENT...: runs a program of ci/lib in place of this shell. Its arguments are checked before anything is set
# up or built: the packages of KMEM_SET, or all.
begin() {
    export KMEM_SET=${KMEM_SET-test}
    find_python sys || { ci/setup "$KMEM_SET" && find_python sys; } || exit
    exec "$PYTHON" ci/lib/begin.py "$@"
}

# no_arguments "$@" <<<TEXT: for commands that take none: ends when there are any; --help prints TEXT.
no_arguments() {
    [ $# -eq 0 ] && return
    usage() {
        say "Usage: ci/${0##*/}"
        cat >&2
    }
    [[ $1 == --help || $1 == -h ]] || end_usage "it takes no argument '$1'"
    usage
    exit 0
}

# end_usage TEXT: ends the shell since its arguments are wrong: says how, the first line that usage prints, and where help is.
end_usage() {
    say "ci/${0##*/}: $1"
    usage 2>&1 | sed -n 1p >&2
    say "ci/${0##*/} --help says more."
    exit "$EXIT_USAGE"
}

# conclude PASSED FAILED: prints the counts; ends the shell when something has failed.
conclude() {
    print "$1 passed, $2 failed"
    [ "$2" -eq 0 ] || end_violation
}

# changed_unseen PRESET: a source that has changed since the last build and is older than it, such as one that was moved
# back to its place. Ninja goes by that age, and would leave what was built of another content.
changed_unseen() {
    local built=build/$1/.ninja_log
    [ ! -e "$built" ] || find CMakeLists.txt CMakePresets.json cmake src invariants fuzz tests -type f -cnewer "$built" \
        ! -newer "$built" -print -quit
}

# is_of_clang PRESET: is the clang that its folder was configured with, if any, the one that counts now?
is_of_clang() {
    local before now
    before=$(sed -n 's/^KMEM_CLANG:INTERNAL=//p' "build/$1/CMakeCache.txt" 2>/dev/null) || true
    [ -n "$before" ] || return 0
    now=$(sh cmake/clang 2>/dev/null) && [ "$before" = "${now//$'\n'/;}" ]
}

# is_configured PRESET: is its folder of this tree, as its preset made it, and later than what Ninja does not look at?
is_configured() {
    local made=build/$1/build.ninja
    [ -e "$made" ] && [ "$made" -nt CMakePresets.json ] && [ "$made" -nt build/rust/toolchain ] &&
        is_of_tree "$1" && is_of_clang "$1" &&
        sha256sum --check --status "build/$1/configured" 2>/dev/null
}

# note_configured PRESET: for is_configured to see what is changed by hand.
note_configured() {
    [ ! -e "build/$1/CMakeCache.txt" ] || sha256sum "build/$1/CMakeCache.txt" >"build/$1/configured"
}

# set_up PRESET...: sees to what these builds need, and to the set that the command has declared.
set_up() {
    local preset set needed=${KMEM_SET-}
    for preset in "$@"; do
        case $preset in
        fuzz) set=fuzz ;;
        release) set=gcc ;;
        dev | everything-instrumented | rv*) set=board ;;
        *) set="test" ;;
        esac
        if [[ $needed = test || $set = test ]]; then
            needed="test"
        elif [ "${needed:=$set}" != "$set" ]; then
            needed=board
        fi
    done
    ci/setup "${needed:-fuzz}"
}

# is_of_tree PRESET: is its folder of this tree, where it is now? A container mounts it elsewhere.
is_of_tree() {
    [ "$(sed -n 's/^CMAKE_HOME_DIRECTORY:INTERNAL=//p' "build/$1/CMakeCache.txt" 2>/dev/null)" -ef . ]
}

# forget_compiler PRESET: lets CMake look for it as if for the first time, which it must where it would refuse the folder.
forget_compiler() {
    { is_of_tree "$1" && ! grep -qs '^CMAKE_C_COMPILER:' "build/$1/CMakeCache.txt" && is_of_clang "$1"; } ||
        rm -rf "build/$1/CMakeCache.txt" "build/$1/CMakeFiles"
}

# compile PRESET: configures, which takes half a second and so is left out where Ninja does it when it must, and builds; of its
# programs those in TARGETS, or all. The compiler may be another than last time.
TARGETS=""
compile() {
    local options=()
    [ -z "$(changed_unseen "$1")" ] || options=(--clean-first)
    { [ ${#options[@]} -eq 0 ] && is_configured "$1"; } ||
        { forget_compiler "$1" && cmake --preset "$1" && note_configured "$1"; } || return
    # shellcheck disable=SC2206
    [ -z "$TARGETS" ] || options+=(--target $TARGETS)
    cmake --build --preset "$1" "${options[@]}"
}

# is_built PRESET: would that find nothing to do?
is_built() {
    # shellcheck disable=SC2086
    is_configured "$1" && [ -z "$(changed_unseen "$1")" ] && [[ $(ninja -C "build/$1" -n $TARGETS) == *"no work to do"* ]]
}

# watch PRESET: compiles, and shows on the terminal how far it is, in one line.
watch() {
    local line code=0
    compile "$1" 2>&1 | while IFS= read -r line; do
        printf '%s\n' "$line"
        [[ ! $line =~ ^\[[0-9]+/[0-9]+\] ]] || printf '\r\033[KBuilding %s %s' "$1" "${BASH_REMATCH[0]}" >&"$terminal"
    done || code=$?
    printf '\r\033[K' >&"$terminal"
    return "$code"
}

# build PRESET...: the same, showing output only when something fails; then it ends the shell. What is in build/PRESET when
# it returns is of this tree.
build() {
    local preset log lock terminal way=compile
    exec {terminal}>&2
    [ ! -t 2 ] || way=watch
    make_folder build/logs
    exec {lock}<build/logs && flock "$lock" # so that two commands do not build at once
    for preset in "$@"; do
        log=build/logs/build-$preset.log
        say "Building $preset"
        if ! keep_log "$log" "$way" "$preset"; then
            grep -E -A5 'error|CMake Error|FAILED' "$log" >&2 || cat "$log" >&2
            end_environment "The build of preset '$preset' failed; the whole log is $log"
        fi
    done
    exec {lock}<&- {terminal}>&-
}
