#!/bin/sh
# Make .venv from requirements.lock and put the package into it; nothing to do when nothing changed.
# Called by `make setup`. From the environment:
#   PYTHON  the interpreter to use (else the first of python3, python3.13, ... that is new enough)
#   WHEELS  a folder made by `make bundle`: install from it, without a network
set -eu
cd "$(dirname "$0")/../.."

# A cluster's Python modules must not leak into the environment.
unset PYTHONPATH PYTHONHOME

stop() {
    printf 'vexas-uba1: %s\n' "$1" >&2
    exit 2
}

new_enough() { "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }
version() { "$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null; }
variable() { "$1" -c "import sysconfig; print(sysconfig.get_config_var('$2') or '')"; }

# ---- Is there work? The place is part of the stamp: a moved .venv still names its old place in every program.
stamp=.venv/set-up-for
here=$(pwd -P)
wanted="$here
$(cksum requirements.lock pyproject.toml)"
done_before=$(cat "$stamp" 2>/dev/null || true)

keep=yes
new_enough .venv/bin/python || keep=no
[ -z "$done_before" ] || [ "${done_before%%
*}" = "$here" ] || keep=no
[ -z "${PYTHON:-}" ] || [ "$(version "$PYTHON")" = "$(version .venv/bin/python)" ] || keep=no
if [ $keep = yes ] && [ "$done_before" = "$wanted" ]; then exit 0; fi

# ---- What is missing? Say all of it in one line, before anything is made.
if [ $keep = yes ]; then set -- .venv/bin/python
elif [ -n "${PYTHON:-}" ]; then set -- "$PYTHON"
else set -- python3 python3.13 python3.12 python3.11
fi
python=
found=
for candidate; do
    if new_enough "$candidate"; then
        python=$candidate
        break
    fi
    seen=$(version "$candidate") && found="$found${found:+, }$candidate is $seen"
done
[ -n "$python" ] || stop "missing: Python 3.11 or newer (${found:-$* did not run}; Debian, Ubuntu: apt-get install python3 python3-venv python3-dev; or name one with make setup PYTHON=/path/to/python3.12)"

missing=
need() { missing="$missing${missing:+; }$1"; }

[ $keep = yes ] || "$python" -c 'import ensurepip, venv' 2>/dev/null ||
    need "the venv module of $python (Debian, Ubuntu: apt-get install python3-venv; or name another Python with PYTHON=)"

# mappy is built from source, with the compiler and flags that Python itself would use.
compiler=${CC:-$(variable "$python" CC)}
compiler=${compiler:-cc}
include=$("$python" -c 'import sysconfig; print(sysconfig.get_path("include"))')
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
builds() { # header, statement, options...
    printf '#include <%s>\nint main(void) { %s; return 0; }\n' "$1" "$2" >"$scratch/probe.c"
    shift 2
    # shellcheck disable=SC2046,SC2086 # commands and flags are lists of words
    $compiler $(variable "$python" CFLAGS) ${CPPFLAGS:-} ${CFLAGS:-} -I"$include" "$scratch/probe.c" \
        -o "$scratch/probe" $(variable "$python" LDFLAGS) ${LDFLAGS:-} "$@" >/dev/null 2>&1
}
if ! builds stdio.h '(void) puts("")'; then
    need "a C compiler ('${compiler%% *}' does not work; Debian, Ubuntu: apt-get install gcc libc6-dev; macOS: xcode-select --install; or name one with CC=)"
else
    builds zlib.h '(void) zlibVersion()' -lz ||
        need "the zlib headers (Debian, Ubuntu: apt-get install zlib1g-dev; Fedora: zlib-devel)"
    # Only the header: an extension is not linked against Python.
    printf '#include <Python.h>\n' >"$scratch/python.c"
    # shellcheck disable=SC2086
    $compiler ${CPPFLAGS:-} ${CFLAGS:-} -I"$include" -c "$scratch/python.c" -o "$scratch/python.o" >/dev/null 2>&1 ||
        need "the C headers of $python (Debian, Ubuntu: apt-get install python3-dev; or name another Python with PYTHON=)"
fi
[ -z "${WHEELS:-}" ] || [ -d "$WHEELS" ] || need "the folder WHEELS=$WHEELS (make it with make bundle on a machine like this one)"
[ -z "$missing" ] || stop "missing: $missing"

# ---- Do it.
echo "Setting up .venv with Python $(version "$python"): one to three minutes, once."
rm -f "$stamp"
[ $keep = yes ] || "$python" -m venv --clear .venv

if [ -n "${WHEELS:-}" ]; then
    hint="$WHEELS must come from make bundle on a machine like this one ($(uname -sm), Python $(version "$python")) with the same requirements.lock"
    set -- --no-index --find-links "$WHEELS"
else
    hint="is there a network? Without one: make bundle on a connected machine like this one, then make setup WHEELS=folder"
    set --
fi
install() {
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --use-pep517 "$@" ||
        stop "the locked packages could not be installed (pip's words are above); $hint"
}
# The build tools come first and from the same lock, so that nothing unlocked is ever fetched.
awk '/^[^ #]/ { keep = /^(cython|setuptools)==/ } keep' requirements.lock >"$scratch/build-tools.lock"
install "$@" --require-hashes -r "$scratch/build-tools.lock"
install "$@" --require-hashes -r requirements.lock
install "$@" --no-deps --editable .
printf '%s\n' "$wanted" >"$stamp"
